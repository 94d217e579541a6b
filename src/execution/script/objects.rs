//! What each file has done to the schema: asked of the catalogue, and written to the ledger rows.

use crate::database::ledger::search::relations;
use crate::database::ledger::table::Place;
use crate::sql::quote::Literal;
use crate::tree::Track;

/// Since when a change counts.
#[derive(Debug, Clone, Copy)]
pub enum Since<'a> {
    /// The beginning of the transaction that is still open.
    Begin,
    /// A transaction's number: all that others have committed meanwhile counts as well.
    Transaction(&'a str),
}

/// What says that it is done.
pub const REMEMBERED: &str = "remembered";

/// Writes to the rows of a run what their files have done. A failure undoes only this.
pub fn remember(
    place: &Place,
    tracks: &[&Track],
    execution_id: &str,
    since: Since<'_>,
    newest: i64,
) -> String {
    let (age, is_ours) = match since {
        // Of a subtransaction, or another transaction's that began later and has committed.
        Since::Begin => (
            "0".to_owned(),
            "(t.age = 0 OR pg_catalog.txid_status(pg_catalog.txid_current() - t.age) = 'in progress')",
        ),
        Since::Transaction(id) => (
            format!(
                "pg_catalog.age((({}::bigint & 4294967295)::text)::xid)",
                Literal(id)
            ),
            "true",
        ),
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
                "  SELECT {number}, id, cmin::text::bigint FROM {table}\n  \
                 WHERE execution_id = {} AND pg_catalog.age(xmin) <= {age}",
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
    let statement = include_str!("objects.sql")
        .replace("{recorded}", &recorded)
        .replace("{ledgers}", &relations(&place.prefix))
        .replace("{newest}", &newest.to_string())
        .replace("{since}", &age)
        .replace("{is_ours}", is_ours)
        .replace("{updates}", &updates)
        .replace("{done}", REMEMBERED);
    let statement = statement.trim_end().trim_end_matches(';');
    let (before, after, undo) = match since {
        Since::Begin => (
            "SAVEPOINT migrate_objects",
            "",
            "ROLLBACK TO SAVEPOINT migrate_objects",
        ),
        Since::Transaction(_) => ("BEGIN", "\\;\nCOMMIT", "ROLLBACK"),
    };
    // One message to the server. Names are written out, whatever the search path is.
    format!(
        "\\set ON_ERROR_STOP 0\n{before}\\; SET LOCAL jit = off\\;\n{KEEP_PATH}\\;\nSET LOCAL search_path = ''\\;\n\
         {statement}\\;\n{RESTORE_PATH}{after};\n\\set ON_ERROR_STOP 1\n\\if :ERROR\n{undo};\n\\endif\n"
    )
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
