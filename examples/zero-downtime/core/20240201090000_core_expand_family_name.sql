-- Step 1, expand: add the new column, and a trigger that fills it when an old program writes only the
-- old column. The lock is held only briefly, and no row is rewritten.
-- migrate: lock-timeout 2sec

ALTER TABLE person ADD COLUMN family_name text;

CREATE FUNCTION person_names() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF NEW.family_name IS NULL THEN
        NEW.family_name := split_part(NEW.full_name, ' ', 2);
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER person_names BEFORE INSERT OR UPDATE ON person
    FOR EACH ROW EXECUTE FUNCTION person_names();
