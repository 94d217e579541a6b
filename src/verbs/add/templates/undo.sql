-- Takes back what {{name}} does, in the opposite order, such as:
--   DROP TABLE invoice;
-- Try it before it is needed: migrate rehearse DIR --undo
DO $$ BEGIN RAISE EXCEPTION 'this undo file is not written yet'; END $$;
