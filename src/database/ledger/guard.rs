//! Statements that fail where a ledger does not hold what was written to it: a trigger or a rule may have
//! made something else of it. Text only.

use crate::sql::quote::Literal;

/// What the server says, in whatever language, when a ledger holds another row than was written.
pub const ROW_CHANGED: &str = "migrate: the ledger row is not what was written, backend ";

/// An expression that fails when it is worked out. It depends on the session, or the planner
/// would work it out beforehand.
pub(super) fn fails() -> String {
    format!(
        "({} || pg_catalog.pg_backend_pid())::bool",
        Literal(ROW_CHANGED)
    )
}

/// A statement that says nothing where a condition holds, and fails where it does not.
pub(super) fn must(condition: &str) -> String {
    format!(
        "SELECT FROM (SELECT 1) AS once WHERE CASE WHEN {condition}\n  THEN false ELSE {} END;\n",
        fails()
    )
}
