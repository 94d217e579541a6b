//! What stands in the way of a statement: the objects that a server's error names, and the repeatables
//! that made them. Facts only; `plan` decides.

use serde::Deserialize;

use super::catalog::QUALIFIED;
use super::ledger::table::{Place, Table};
use super::{Database, Error, parse_json};
use crate::sql::quote::Literal;

/// Objects by their addresses in the catalogue, as [`super::dependents::Edge`] has them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct InTheWay {
    /// The error names them.
    pub named: Vec<String>,
    /// They stand on the same column: views, of which the server names the first alone.
    pub beside: Vec<String>,
}

/// An object that a repeatable has made.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Made(
    /// The track.
    pub String,
    /// The repeatable's name in the ledger.
    pub String,
    /// The object's address in the catalogue.
    pub String,
);

impl Database {
    /// The objects with which the lines of an error's detail begin. `paths` are those with which the
    /// file may have run; `is_one` says that the server names one of several.
    pub fn in_the_way(
        &mut self,
        detail: &str,
        paths: &[&str],
        is_one: bool,
    ) -> Result<InTheWay, Error> {
        let set = |path: &&str| {
            let path = Literal(path);
            format!(
                "SELECT FROM (SELECT 1) AS once WHERE \
                 pg_catalog.set_config('search_path', {path}, true) IS NULL;\n"
            )
        };
        let paths = paths.iter().map(set).map(|set| (set, false));
        let all = std::iter::once((String::new(), false)).chain(paths);
        let mut best = InTheWay::default();
        for (path, is_stripped) in all.chain([(QUALIFIED.to_owned(), true)]) {
            let query = include_str!("in_the_way.sql")
                .replace("{is_stripped}", &is_stripped.to_string())
                .replace("{is_one}", &is_one.to_string())
                .replace("{detail}", &Literal(detail).to_string());
            let query = format!("SET LOCAL jit = off;\n{path}{query}");
            let found: InTheWay = parse_json(&self.read(&query)?)?;
            if found.named.len() > best.named.len() {
                best = found;
            }
        }
        Ok(best)
    }

    /// The views and functions that repeatables have made, of all tracks.
    pub fn made_by_repeatables(&mut self) -> Result<Vec<Made>, Error> {
        let tables = self.tables(|_| true)?;
        Ok(parse_json(&self.read(&self.place.made_query(&tables))?)?)
    }

    /// Which of these materialized views hold data, by their addresses.
    pub fn populated(&mut self) -> Result<Vec<String>, Error> {
        Ok(parse_json(&self.read(POPULATED)?)?)
    }
}

const POPULATED: &str = "SELECT coalesce(json_agg(concat_ws(' ', c.tableoid::oid, c.oid, 0)), '[]') \
     FROM pg_catalog.pg_class c WHERE c.relkind = 'm' AND c.relispopulated;\n";

impl Place {
    fn made_query(&self, tables: &[Table]) -> String {
        let rows: Vec<_> = tables
            .iter()
            .filter(|table| table.is_current)
            .map(|table| self.repeatables_of(&table.track))
            .collect();
        if rows.is_empty() {
            return "SELECT '[]';\n".to_owned();
        }
        format!(
            // Of a view, it is the rule that tells.
            "WITH repeatable AS (\n  {}\n), thing AS (\n  {}\n)\n\
             SELECT coalesce(json_agg(json_build_array(track, name, concat_ws(' ', CASE class\n  \
               WHEN 'pg_catalog.pg_rewrite'::regclass THEN 'pg_catalog.pg_class'::regclass ELSE class END::oid, oid, 0))), '[]')\n\
             FROM repeatable CROSS JOIN LATERAL pg_catalog.jsonb_object_keys(parts) AS key JOIN thing USING (key);\n",
            rows.join("\n  UNION ALL "),
            super::ledger::made::THINGS
        )
    }
}
