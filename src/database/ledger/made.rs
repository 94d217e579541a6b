//! What repeatables have made, and which of them stand on what has changed since.
//! Text only. PostgreSQL tells both: a row of its catalogue names the transaction that wrote it, and
//! `pg_depend` what it needs.

use super::table::Place;
use crate::sql::quote::Literal;
use crate::tree::{Name, Track};

/// The views and functions of people, as a query for `class, oid, key, at`: what is remembered of each,
/// and the transaction that wrote its definition. A view's is in its rule, which no GRANT touches.
pub(in crate::database) const THINGS: &str = "SELECT w.tableoid AS class, c.oid, \
     pg_catalog.format('@view %I.%I', n.nspname, c.relname) AS key, w.xmin AS at\n    \
     FROM pg_catalog.pg_rewrite w JOIN pg_catalog.pg_class c ON c.oid = w.ev_class\n    \
     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace\n    \
     WHERE w.rulename = '_RETURN' AND w.oid >= 16384\n  \
     UNION ALL SELECT p.tableoid, p.oid, pg_catalog.format('@function %I.%I(%s)', n.nspname, p.proname,\n      \
     (SELECT pg_catalog.string_agg(type::regtype::text, ', ' ORDER BY place)\n      \
      FROM pg_catalog.unnest(p.proargtypes) WITH ORDINALITY AS argument (type, place))), p.xmin\n    \
     FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace\n    \
     WHERE p.oid >= 16384";

impl Place {
    /// Adds to a repeatable's row what the same part of a transaction has made.
    pub fn remember_made(&self, name: &Name) -> String {
        let table = self.table(&name.track);
        let name = Literal(&name.file_name()).to_string();
        format!(
            "UPDATE {table} AS ledger SET parts = coalesce(ledger.parts, '{{}}') || found.made\n\
             FROM (SELECT pg_catalog.jsonb_object_agg(thing.key, '') AS made FROM (\n  {THINGS}) AS thing\n  \
               WHERE thing.at = (SELECT xmin FROM {table} WHERE migration_name = {name})) AS found\n\
             WHERE ledger.migration_name = {name} AND found.made IS NOT NULL;\n"
        )
    }

    /// Asks for the names of the repeatables of these tracks whose objects are gone, or stand on columns
    /// or functions that are newer than they are: a JSON list.
    pub fn dependency_query(&self, tracks: &[&Track]) -> String {
        let rows: Vec<_> = tracks
            .iter()
            .map(|track| self.repeatables_of(track))
            .collect();
        format!(
            "WITH repeatable AS (\n  {rows}\n), thing AS (\n  {THINGS}\n), remembered AS (\n  \
             SELECT name, repeatable.at, key FROM repeatable, pg_catalog.jsonb_object_keys(parts) AS key\n  \
             WHERE key LIKE '@%'\n\
             ), made AS (\n  \
             SELECT name, remembered.at, class, oid FROM remembered JOIN thing USING (key)\n\
             ), part AS (\n  \
             SELECT name, made.at, class, oid FROM made\n  \
             UNION ALL SELECT name, made.at, w.tableoid, w.oid FROM made JOIN pg_catalog.pg_rewrite w\n    \
             ON made.class = w.tableoid AND w.ev_class = made.oid\n\
             ), ground AS (\n  \
             SELECT DISTINCT name, part.at, d.refclassid AS class, d.refobjid AS oid\n  \
             FROM part JOIN pg_catalog.pg_depend d ON d.classid = part.class AND d.objid = part.oid AND d.deptype = 'n'\n  \
             WHERE NOT EXISTS (SELECT FROM made WHERE made.name = part.name AND made.oid = d.refobjid)\n\
             ), due AS (\n  \
             SELECT name FROM remembered WHERE NOT EXISTS (SELECT FROM thing WHERE thing.key = remembered.key)\n  \
             UNION SELECT name FROM ground JOIN pg_catalog.pg_attribute a ON a.attrelid = ground.oid AND a.attnum > 0\n    \
             WHERE class = 'pg_catalog.pg_class'::regclass AND pg_catalog.age(a.xmin) < pg_catalog.age(ground.at)\n  \
             UNION SELECT name FROM ground JOIN pg_catalog.pg_proc p ON p.oid = ground.oid\n    \
             WHERE class = 'pg_catalog.pg_proc'::regclass AND pg_catalog.age(p.xmin) < pg_catalog.age(ground.at)\n\
             ) SELECT coalesce(pg_catalog.json_agg(name), '[]') FROM due;\n",
            rows = rows.join("\n  UNION ALL ")
        )
    }

    /// Asks which views were written, or filled, after the repeatables of these tracks had made them: a JSON
    /// list of their names. Of functions that is not asked, whose rows a GRANT writes as well.
    pub fn changed_query(&self, tracks: &[&Track]) -> String {
        let rows: Vec<_> = tracks
            .iter()
            .map(|track| self.repeatables_of(track))
            .collect();
        format!(
            "WITH repeatable AS (\n  {rows}\n), thing AS (\n  {THINGS}\n), made AS (\n  \
             SELECT thing.oid, min(pg_catalog.age(thing.at)) AS written, min(pg_catalog.age(repeatable.at)) AS recorded\n  \
             FROM repeatable CROSS JOIN LATERAL pg_catalog.jsonb_object_keys(parts) AS key JOIN thing USING (key)\n  \
             WHERE key LIKE '@view %' GROUP BY thing.oid\n\
             ) SELECT coalesce(pg_catalog.json_agg(pg_catalog.format('%I.%I', n.nspname, c.relname)), '[]')\n\
             FROM made JOIN pg_catalog.pg_class c ON c.oid = made.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace\n\
             WHERE written < recorded OR c.relkind = 'm' AND c.relispopulated\n  \
               OR EXISTS (SELECT FROM pg_catalog.pg_attrdef d WHERE d.adrelid = c.oid AND pg_catalog.age(d.xmin) < recorded);\n",
            rows = rows.join("\n  UNION ALL ")
        )
    }

    /// The rows of a track's repeatables, as a query for `track, name, at, parts`.
    pub(in crate::database) fn repeatables_of(&self, track: &Track) -> String {
        format!(
            "SELECT {} AS track, migration_name AS name, xmin AS at, parts FROM {}\n    \
             WHERE migration_name LIKE 'repeat\\_%' AND state = 'applied'",
            Literal(track.as_str()),
            self.table(track)
        )
    }
}
