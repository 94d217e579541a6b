-- Takes back what {{name}} does, in the opposite order, such as:
--   DROP TABLE invoice;
DO $$ BEGIN RAISE EXCEPTION 'this undo file is not written yet'; END $$;
