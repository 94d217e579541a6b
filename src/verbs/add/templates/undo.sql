-- Undoes what {{name}} does, in reverse order, for example:
--   DROP TABLE invoice;
-- To test this file, type: migrate rehearse DIR --undo
DO $$ BEGIN RAISE EXCEPTION 'this undo file is not written yet'; END $$;
