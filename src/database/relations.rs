//! Which objects a database has, and how large and how much used its tables are.

use serde::Deserialize;

use super::{Database, Error, parse_json};
use crate::sql::unsafe_ddl::{Family, Named};

/// An object of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Existing {
    pub named: Named,
    /// Is its schema on the search path?
    pub is_on_path: bool,
    /// The table that it is, or that it is an index of.
    pub table: Option<u32>,
}

#[derive(Deserialize)]
struct Record(Family, String, String, bool, Option<u32>);

/// How large a table is, and how much it is used.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Usage {
    pub name: String,
    /// With its indexes, in bytes.
    pub size: u64,
    /// As far as the statistics know.
    pub rows: u64,
    /// Scans and rows written, a second, since the statistics began.
    pub per_second: f64,
}

impl Usage {
    pub fn is_small(&self) -> bool {
        self.size < 1 << 20
    }

    pub fn is_idle(&self) -> bool {
        self.per_second < 1.0
    }
}

impl Database {
    pub fn existing(&mut self) -> Result<Vec<Existing>, Error> {
        let records: Vec<Record> = parse_json(&self.read(EXISTING)?)?;
        let existing = |Record(family, schema, name, is_on_path, table)| Existing {
            named: Named {
                family,
                schema: Some(schema),
                name,
            },
            is_on_path,
            table,
        };
        Ok(records.into_iter().map(existing).collect())
    }

    /// A partitioned table is as large and as much used as its partitions.
    pub fn usage(&mut self, table: u32) -> Result<Option<Usage>, Error> {
        let query = USAGE.replace("{table}", &table.to_string());
        Ok(parse_json(&self.read(&query)?)?)
    }
}

const EXISTING: &str = "\
WITH own AS (
  SELECT oid, nspname AS name, nspname = ANY (pg_catalog.current_schemas(false)) AS is_on_path
  FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
), object (family, schema, name, is_on_path, relation) AS (
  SELECT 'relation', own.name, c.relname, own.is_on_path, coalesce(i.indrelid, c.oid)
    FROM pg_catalog.pg_class c JOIN own ON own.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'i', 'I')
  UNION ALL
  SELECT 'type', own.name, t.typname, own.is_on_path, NULL FROM pg_catalog.pg_type t JOIN own ON own.oid = t.typnamespace
    WHERE t.typcategory <> 'A'
  UNION ALL
  SELECT 'routine', own.name, p.proname, own.is_on_path, NULL
    FROM pg_catalog.pg_proc p JOIN own ON own.oid = p.pronamespace
  UNION ALL
  SELECT 'schema', own.name, own.name, true, NULL FROM own
)
SELECT coalesce(json_agg(json_build_array(family, schema, name, is_on_path, relation::bigint)), '[]') FROM object;
";

/// A table that somebody has locked is not waited for: its size is the last known one.
const USAGE: &str = "\
SELECT coalesce((
  SELECT json_build_object('name', c.oid::pg_catalog.regclass::text,
    'size', greatest(0, part.size)::bigint, 'rows', greatest(0, part.rows)::bigint,
    'per_second', round((part.uses / seconds.passed)::numeric, 3))
  FROM pg_catalog.pg_class c, (
    SELECT greatest(1, extract(epoch FROM pg_catalog.now() - coalesce(max(stats_reset),
      pg_catalog.pg_postmaster_start_time()))) AS passed
    FROM pg_catalog.pg_stat_database WHERE datname = pg_catalog.current_database()
  ) AS seconds, (
    -- Statistics may know of no row where there is a page.
    SELECT sum(CASE WHEN r.is_locked THEN r.relpages * 8192::bigint
        ELSE pg_catalog.pg_total_relation_size(r.oid) END) AS size,
      sum(greatest(r.reltuples, s.n_live_tup, CASE WHEN r.is_locked THEN least(r.relpages, 1)
        ELSE least(pg_catalog.pg_relation_size(r.oid), 1) END, 0)) AS rows,
      coalesce(sum(coalesce(s.seq_scan, 0) + coalesce(s.idx_scan, 0) + s.n_tup_ins + s.n_tup_upd + s.n_tup_del), 0) AS uses
    FROM (
      SELECT c.*, EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.relation = c.oid
        AND l.mode = 'AccessExclusiveLock' AND l.pid <> pg_catalog.pg_backend_pid()) AS is_locked
      FROM pg_catalog.pg_class c
      WHERE c.oid = {table} OR c.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree({table}::oid::regclass))
    ) AS r LEFT JOIN pg_catalog.pg_stat_all_tables s ON s.relid = r.oid
  ) AS part
  WHERE c.oid = {table} AND c.relkind IN ('r', 'p', 'm', 'f')
), 'null');
";
