//! What each file has done to the schema: asked of the catalogue, and written to the ledger rows.

use serde::Deserialize;

use crate::database::kinds::{self, Catalogue, Parts};
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
            include_str!("gone.sql")
                .replace("{is_rebuilt}", IS_REBUILT)
                .replace("{alone}", &touched.still_there()),
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
                "NOT EXISTS (SELECT FROM lost l WHERE l.class = p.class AND l.sub = p.attnum\n      \
                 AND l.id = coalesce(p.part_of, p.id) AND {is_older})"
            ),
        )
    } else {
        let is_locked = match since {
            Since::Begin => format!("p.part_of IN ({LOCKED}) AND "),
            Since::Transactions(_) => String::new(),
        };
        ("", format!("(p.attnum = 0 OR {is_locked}{IS_LAST})"))
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
        .replace("{kind:pg_class}", &kinds::named("{kind:pg_class}"))
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
        "\\set ON_ERROR_STOP 0\n{before}\\; SET LOCAL jit = off\\;\n{}\\;\nSET LOCAL search_path = ''\\;\n\
         {statement}\\;\n{RESTORE_PATH}{after};\n\\set ON_ERROR_STOP 1\n\\if :ERROR\n{undo};\n\\endif\n",
        prepare(since)
    )
}

/// Where what was written may be.
#[derive(Debug, Clone, Copy)]
pub struct Touched<'a> {
    /// The server's major version.
    pub major: u32,
    /// The catalogues that were written to, where that is known; else all that everybody may read.
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
            let is_wanted = self.has(catalogue, false);
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
        let mut touched: Vec<_> = touched.into_iter().map(str::to_owned).collect();
        for it in self.alone() {
            touched.push(format!(
                "  SELECT 'pg_catalog.{0}'::regclass, {1}.oid, NULL, '{kind}', {named}, pg_catalog.age({1}.xmin), {1}.cmin, false, 0::int2\n    \
                 FROM pg_catalog.{0} {1} {with} WHERE pg_catalog.age({1}.xmin) <= {{since}} AND {rows}",
                it.name, it.alias, kind = it.kind, named = it.named, with = it.with, rows = it.rows
            ));
        }
        for (parts, it) in self.parts() {
            touched.push(format!(
                "  SELECT 'pg_catalog.{whole}'::regclass, NULL, NULL, '{kind}', {named}, pg_catalog.age(it.xmin), it.cmin, false, NULL\n    \
                 FROM pg_catalog.{name} it JOIN pg_catalog.{whole} {alias} ON {alias}.oid = {part_of} {with}\n    \
                 WHERE pg_catalog.age(it.xmin) <= {{since}}",
                name = parts.name, part_of = parts.part_of, whole = it.name, alias = it.alias,
                kind = it.kind, named = it.named, with = it.with
            ));
        }
        (
            affected.join("\n  UNION\n"),
            kinds::named(&touched.join("\n  UNION ALL\n")).replace("{me}", "current_user"),
        )
    }

    fn has(&self, catalogue: &str, is_restricted: bool) -> bool {
        match self.catalogues {
            Some(written) => written.iter().any(|one| one == catalogue),
            None => !is_restricted,
        }
    }

    fn alone(&self) -> impl Iterator<Item = &'static Catalogue> {
        let all = kinds::ALONE.iter();
        all.filter(|it| self.has(it.name, it.is_restricted))
    }

    /// With what they are parts of.
    fn parts(&self) -> impl Iterator<Item = (&'static Parts, &'static Catalogue)> {
        let all = kinds::PARTS.iter();
        all.filter(|it| it.since <= self.major && self.has(it.name, false))
            .filter_map(|it| Some((it, kinds::alone(it.whole)?)))
    }

    /// What there was of them, as [`drops`] asks for it.
    fn drops(&self, row: &dyn Fn(&str) -> String, moment: &dyn Fn(&str) -> String) -> String {
        let alone = self.alone().map(|it| {
            format!(
                "  UNION ALL\n  SELECT 'pg_catalog.{0}'::regclass, {1}.oid, 0, {part_of}, '{kind}', {named}, {moment}, {1}.xmin\n    \
                 FROM pg_catalog.{0} {1} {with} WHERE {row} AND {rows}\n",
                it.name, it.alias, part_of = it.part_of, kind = it.kind, named = it.named, with = it.with,
                moment = moment(it.alias), row = row(it.alias), rows = it.rows
            )
        });
        let parts = self.parts().map(|(parts, it)| {
            format!(
                "  UNION ALL\n  SELECT 'pg_catalog.{name}'::regclass, {id}, -1, {alias}.oid, '{kind}', {named}, {moment}, it.xmin\n    \
                 FROM pg_catalog.{name} it JOIN pg_catalog.{whole} {alias} ON {alias}.oid = {part_of} {with} WHERE {row}\n",
                name = parts.name, id = parts.id, part_of = parts.part_of, whole = it.name, alias = it.alias,
                kind = it.kind, named = it.named, with = it.with, moment = moment("it"), row = row("it")
            )
        });
        alone.chain(parts).collect()
    }

    /// Which of those are still there: cases of a condition.
    fn still_there(&self) -> String {
        let alone = self.alone().map(|it| {
            format!(
                "    WHEN class = 'pg_catalog.{0}'::regclass THEN EXISTS (SELECT FROM pg_catalog.{0} WHERE oid = lost.id)\n",
                it.name
            )
        });
        let parts = self.parts().map(|(it, _)| {
            format!(
                "    WHEN class = 'pg_catalog.{0}'::regclass THEN EXISTS (SELECT FROM pg_catalog.{0} it WHERE {1} = lost.id AND {2} = lost.part_of)\n",
                it.name, it.id, it.part_of
            )
        });
        alone.chain(parts).collect()
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
pub fn drops(place: &Place, rows: Rows, touched: Touched<'_>, apart: &str) -> String {
    let row = |alias: &str| match rows {
        Rows::All => "true".to_owned(),
        Rows::WrittenBy(xid) => format!("pg_catalog.age({alias}.xmax) <= {}", age_of(xid)),
    };
    let moment = |alias: &str| match rows {
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
        .replace("{gone_with}", &gone_with)
        .replace("{alone}", &touched.drops(&row, &moment));
    for alias in ["c", "a", "k", "t", "p", "w", "n", "e"] {
        query = query
            .replace(&format!("{{row:{alias}}}"), &row(alias))
            .replace(&format!("{{moment:{alias}}}"), &moment(alias));
    }
    let query = kinds::named(&query).replace("{me}", "current_user");
    format!("SET LOCAL jit = off{apart} SET LOCAL search_path = ''{apart}\n{query}")
}

/// Keeps the search path. The server has no idea how many of its own rows are new, and would compare each with
/// each: among many, only by joins that do not.
fn prepare(since: Since<'_>) -> String {
    let are_many = match since {
        // Rows of `pg_class`.
        Since::Begin => "pg_catalog.pg_stat_get_xact_tuples_inserted(1259) > 100".to_owned(),
        Since::Transactions(begun) => (begun.len() > 16).to_string(),
    };
    format!(
        "SELECT FROM (SELECT 1) AS once WHERE \
         pg_catalog.set_config('migrate.search_path', pg_catalog.current_setting('search_path'), true) \
         || pg_catalog.set_config('enable_nestloop', CASE WHEN {are_many} THEN 'off' \
         ELSE pg_catalog.current_setting('enable_nestloop') END, true) IS NULL"
    )
}

const RESTORE_PATH: &str = "SELECT FROM (SELECT 1) AS once WHERE \
     pg_catalog.set_config('search_path', pg_catalog.current_setting('migrate.search_path'), true) IS NULL";

/// The number of the newest object: what is made later has a larger one, until the counter begins
/// anew after four billion.
pub const NEWEST: &str = "greatest((SELECT max(oid) FROM pg_catalog.pg_class), (SELECT max(oid) FROM pg_catalog.pg_proc), \
     (SELECT max(oid) FROM pg_catalog.pg_type), (SELECT max(oid) FROM pg_catalog.pg_constraint), \
     (SELECT max(oid) FROM pg_catalog.pg_trigger), (SELECT max(oid) FROM pg_catalog.pg_policy), \
     (SELECT max(oid) FROM pg_catalog.pg_rewrite), (SELECT max(oid) FROM pg_catalog.pg_namespace), \
     (SELECT max(oid) FROM pg_catalog.pg_extension))::bigint";
