-- {{title}}
--
-- CREATE OR REPLACE keeps grants and dependent views. It can only add columns at the end. For any other
-- change, write DROP VIEW before it. DROP VIEW fails as long as something depends on the view.

-- Put the name of your table for `example`, and remove this line:
CREATE TABLE IF NOT EXISTS example (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY);

CREATE OR REPLACE VIEW {{identifier}} AS
SELECT id
FROM example
WHERE id > 0;

COMMENT ON VIEW {{identifier}} IS :'migration_description';
