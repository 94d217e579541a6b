-- Release 3 of the core: four digits behind the point.
ALTER TABLE price ALTER net TYPE numeric(12,4);
