//! What each file has done to the schema: asked of the catalogue, and written to the ledger rows.

use serde::Deserialize;

use crate::database::ledger::objects::{Change, LOCKED};
use crate::database::ledger::search::relations;
use crate::database::ledger::table::Place;
use crate::sql::quote::Literal;
use crate::tree::Track;

/// Since when a change counts.
#[derive(Debug, Clone, Copy)]
pub enum Since<'a> {
    /// The beginning of the transaction that is still open.
    Begin,
    /// The numbers of the transactions before each of which a transaction or a file outside of one
    /// began: all that others have committed meanwhile counts as well.
    Transactions(&'a [u64]),
}

impl Since<'_> {
    /// Behind which of these beginnings a row was written that is so old: an expression.
    fn index(self, age: &str) -> String {
        match self {
            Self::Begin => "0::bigint".to_owned(),
            Self::Transactions(begun) => {
                let first = begun.first().copied().unwrap_or_default();
                let places: Vec<_> = begun
                    .iter()
                    .map(|id| id.saturating_sub(first).to_string())
                    .collect();
                format!(
                    "pg_catalog.width_bucket(({} - {age})::bigint, ARRAY[{}]::bigint[])::bigint",
                    age_of(first),
                    places.join(", ")
                )
            }
        }
    }
}

/// The age of a transaction's number, as those of rows are told: an expression.
fn age_of(id: u64) -> String {
    format!("pg_catalog.age('{}'::xid)", id & 0xffff_ffff)
}

/// What says that it is done, with what was remembered.
const REMEMBERED: &str = "remembered";

/// What the files of a run have done, and what was remembered of it.
#[derive(Debug, Deserialize)]
pub struct Remembered {
    pub remembered: Vec<Told>,
}

/// What one file has done.
#[derive(Debug, Deserialize)]
pub struct Told(
    /// The place of its track among those that were asked for.
    pub usize,
    /// The migration's name in the ledger.
    pub String,
    pub Vec<Change>,
);

/// Writes to the rows of a run what their files have done. A failure undoes only this. `lost` is the
/// answer to [`drops`], where something may have been dropped.
pub fn remember(
    place: &Place,
    tracks: &[&Track],
    execution_id: &str,
    since: Since<'_>,
    newest: i64,
    lost: Option<&str>,
    touched: Touched<'_>,
) -> String {
    let (age, is_ours) = match since {
        // Of a subtransaction, or another transaction's that began later and has committed.
        Since::Begin => (
            "0".to_owned(),
            "(t.age = 0 OR pg_catalog.txid_status(pg_catalog.txid_current() - t.age) = 'in progress')",
        ),
        Since::Transactions(begun) => (age_of(begun.first().copied().unwrap_or_default()), "true"),
    };
    let each = |text: &dyn Fn(usize, &str) -> String, between: &str| {
        let texts = tracks
            .iter()
            .enumerate()
            .map(|(number, track)| text(number, &place.table(track)));
        texts.collect::<Vec<_>>().join(between)
    };
    let recorded = each(
        &|number, table| {
            format!(
                "  SELECT {number}, id, ({} << 32) + cmin::text::bigint, migration_name FROM {table}\n  \
                 WHERE execution_id = {} AND pg_catalog.age(xmin) <= {age}",
                since.index("pg_catalog.age(xmin)"),
                Literal(execution_id)
            )
        },
        "\n  UNION ALL\n",
    );
    let updates = each(
        &|number, table| {
            format!(
                ", update_{number} AS (\n  UPDATE {table} AS l SET objects = t.objects FROM told_of t\n  \
                 WHERE t.ledger = {number} AND t.id = l.id\n)"
            )
        },
        "",
    );
    let (gone, told) = match lost {
        None => (String::new(), "told"),
        Some(_) => (
            include_str!("gone.sql").replace("{is_rebuilt}", IS_REBUILT),
            "(SELECT * FROM changed UNION ALL SELECT * FROM dropped) AS told",
        ),
    };
    // With what was there, it is known which columns are new.
    let (was_there, is_new_column) = if lost.is_some() {
        let is_older = match since {
            Since::Begin => "true",
            Since::Transactions(_) => "pg_catalog.age(l.written::text::xid) > {since}",
        };
        (
            include_str!("lost.sql"),
            format!(
                "NOT EXISTS (SELECT FROM lost l WHERE l.sub = p.attnum AND l.id = p.part_of AND {is_older})"
            ),
        )
    } else {
        let is_locked = match since {
            Since::Begin => format!("p.part_of IN ({LOCKED}) AND "),
            Since::Transactions(_) => String::new(),
        };
        ("", is_locked + IS_LAST)
    };
    let (affected, touched) = touched.queries();
    let statement = include_str!("objects.sql")
        .replace("{recorded}", &recorded)
        .replace("{affected}", &affected)
        .replace("{touched}", &touched)
        .replace("{lost}", was_there)
        .replace("{is_new_column}", &is_new_column)
        .replace("{ledgers}", &relations(&place.prefix))
        .replace("{newest}", &newest.to_string())
        .replace("{since}", &age)
        .replace("{is_ours}", is_ours)
        .replace("{index:t.age}", &since.index("t.age"))
        .replace(
            "{index:pg_catalog.age(b.xmin)}",
            &since.index("pg_catalog.age(b.xmin)"),
        )
        .replace("{gone}", &gone)
        .replace("{told}", told)
        .replace("{updates}", &updates)
        .replace("{done}", REMEMBERED)
        .replace(
            "{rows}",
            &lost
                .map(Literal)
                .map_or_else(String::new, |lost| lost.to_string()),
        );
    let statement = statement.trim_end().trim_end_matches(';');
    let (before, after, undo) = match since {
        Since::Begin => (
            "SAVEPOINT migrate_objects",
            "",
            "ROLLBACK TO SAVEPOINT migrate_objects",
        ),
        Since::Transactions(_) => ("BEGIN", "\\;\nCOMMIT", "ROLLBACK"),
    };
    // One message to the server. Names are written out, whatever the search path is.
    format!(
        "\\set ON_ERROR_STOP 0\n{before}\\; SET LOCAL jit = off\\;\n{KEEP_PATH}\\;\nSET LOCAL search_path = ''\\;\n\
         {statement}\\;\n{RESTORE_PATH}{after};\n\\set ON_ERROR_STOP 1\n\\if :ERROR\n{undo};\n\\endif\n"
    )
}

/// Where what was written may be.
#[derive(Debug, Clone, Copy, Default)]
pub struct Touched<'a> {
    /// The catalogues that were written to, where that is known.
    pub catalogues: Option<&'a [String]>,
    /// Does the transaction still hold a lock on each relation whose columns it has written? Then the
    /// columns of all others need not be looked at: they are most of a catalogue.
    pub is_locked: bool,
}

impl Touched<'_> {
    /// Which relations are affected and which rows were written: a query for each catalogue that counts, one
    /// behind the other. To plan them for those that nobody has written to would take most of the time.
    fn queries(self) -> (String, String) {
        let (mut affected, mut touched) = (Vec::new(), Vec::new());
        for section in include_str!("touched.sql").split("=== ").skip(1) {
            let (heading, query) = section.split_once('\n').unwrap_or((section, ""));
            let mut words = heading.splitn(3, ' ');
            let catalogue = words.next().unwrap_or_default();
            let is_wanted = self
                .catalogues
                .is_none_or(|written| written.iter().any(|one| one == catalogue));
            // One at least, or it is no query.
            if !is_wanted && !touched.is_empty() {
                continue;
            }
            touched.push(query.trim_end());
            if let Some(relation) = words.next() {
                let rows = words.next().unwrap_or("true");
                if catalogue == "pg_attribute" && self.is_locked {
                    affected.push(format!("  {LOCKED}"));
                    continue;
                }
                affected.push(format!(
                "  SELECT {relation} FROM pg_catalog.{catalogue} WHERE {rows} AND pg_catalog.age(xmin) <= {{since}}"
            ));
            }
        }
        (
            affected.join("\n  UNION\n"),
            touched.join("\n  UNION ALL\n"),
        )
    }
}

/// Where nobody tells which columns were there, one counts as new that stands behind all others, if its
/// table was written as well: a condition.
const IS_LAST: &str = "r.age <= {since} AND p.attnum > coalesce((
      SELECT max(b.attnum) FROM pg_catalog.pg_attribute b WHERE b.attrelid = p.part_of
        AND (pg_catalog.age(b.xmin) > {since} OR ({index:pg_catalog.age(b.xmin)} << 32) + b.cmin::text::bigint < ends.written[p.file])), 0)";

/// What the server makes anew under the same name when what it is part of changes: a condition.
const IS_REBUILT: &str = "t.kind IN ('index', 'constraint', 'statistics')";

/// Which rows of the catalogue are asked for.
#[derive(Debug, Clone, Copy)]
pub enum Rows {
    /// All of them.
    All,
    /// Those that another session's transaction has deleted, or written anew, since it began. That session
    /// itself no longer sees them, and everybody else does until it commits.
    WrittenBy(u64),
}

/// What there is, or was: the number of its catalogue and its own, a column's place, the number of the table
/// that it is part of, its kind and name, by which command it went, and which transaction had written it.
pub type Present = (i64, i64, i64, Option<i64>, String, String, i64, i64);

/// Asks for what there is to be dropped, in a transaction of its own, with statements `apart` from each
/// other: an array of [`Present`] rows, as [`remember`] takes it.
///
/// Names are written out, whatever the search path is.
pub fn drops(place: &Place, rows: Rows, apart: &str) -> String {
    let row = |alias: char| match rows {
        Rows::All => "true".to_owned(),
        Rows::WrittenBy(xid) => format!("pg_catalog.age({alias}.xmax) <= {}", age_of(xid)),
    };
    let moment = |alias: char| match rows {
        Rows::All => "0::bigint".to_owned(),
        Rows::WrittenBy(_) => format!("{alias}.cmax::text::bigint"),
    };
    let gone_with = match rows {
        Rows::All => "0".to_owned(),
        Rows::WrittenBy(xid) => format!(
            "(SELECT max(d.cmax::text::bigint) FROM pg_catalog.pg_depend d WHERE d.classid = thing.class AND d.objid = thing.id AND pg_catalog.age(d.xmax) <= {})",
            age_of(xid)
        ),
    };
    let mut query = include_str!("drops.sql")
        .replace("{ledgers}", &relations(&place.prefix))
        .replace("{gone_with}", &gone_with);
    for alias in ['c', 'a', 'k', 't', 'p', 'w', 'n', 'e', 's'] {
        query = query
            .replace(&format!("{{row:{alias}}}"), &row(alias))
            .replace(&format!("{{moment:{alias}}}"), &moment(alias));
    }
    format!("SET LOCAL jit = off{apart} SET LOCAL search_path = ''{apart}\n{query}")
}

const KEEP_PATH: &str = "SELECT FROM (SELECT 1) AS once WHERE \
     pg_catalog.set_config('migrate.search_path', pg_catalog.current_setting('search_path'), true) IS NULL";

const RESTORE_PATH: &str = "SELECT FROM (SELECT 1) AS once WHERE \
     pg_catalog.set_config('search_path', pg_catalog.current_setting('migrate.search_path'), true) IS NULL";

/// The number of the newest object: what is made later has a larger one, until the counter begins
/// anew after four billion.
pub const NEWEST: &str = "greatest((SELECT max(oid) FROM pg_catalog.pg_class), (SELECT max(oid) FROM pg_catalog.pg_proc), \
     (SELECT max(oid) FROM pg_catalog.pg_type), (SELECT max(oid) FROM pg_catalog.pg_constraint), \
     (SELECT max(oid) FROM pg_catalog.pg_trigger), (SELECT max(oid) FROM pg_catalog.pg_policy), \
     (SELECT max(oid) FROM pg_catalog.pg_rewrite), (SELECT max(oid) FROM pg_catalog.pg_namespace), \
     (SELECT max(oid) FROM pg_catalog.pg_extension))::bigint";
