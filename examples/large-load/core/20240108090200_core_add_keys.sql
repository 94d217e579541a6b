-- The keys and indexes, after the rows.

ALTER TABLE reading ADD PRIMARY KEY (id);
CREATE INDEX reading_sensor ON reading (sensor, taken_at);
