-- Keys and indexes when the rows are there.

ALTER TABLE reading ADD PRIMARY KEY (id);
CREATE INDEX reading_sensor ON reading (sensor, taken_at);
