-- Release 3 of the core: four digits after the decimal point.
ALTER TABLE price ALTER net TYPE numeric(12,4);
