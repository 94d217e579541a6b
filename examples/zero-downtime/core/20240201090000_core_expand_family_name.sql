-- Step 1, expand: a new column beside the old one, and a trigger that keeps both the same while old
-- and new programs run side by side. A lock for a moment, and no rewrite.
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
