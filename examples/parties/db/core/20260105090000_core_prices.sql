-- Release 1 of the core.
CREATE TABLE price (article text PRIMARY KEY, net numeric(8,2) NOT NULL);
INSERT INTO price VALUES ('bolt', 0.12), ('nut', 0.08);
