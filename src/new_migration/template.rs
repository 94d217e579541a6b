//! What a new migration file holds. Pure.

use crate::migration::Name;

/// A migration that says what it is for and does nothing yet.
pub fn blank(name: &Name) -> String {
    let title = name.description.replace('_', " ");
    format!(
        "-- {title}\n\
         --\n\
         -- Runs in one transaction with its ledger row: leave out BEGIN and COMMIT.\n\
         -- psql runs it, so \\if, \\gset, \\ir and \\copy work; once applied, it must not change.\n\
         \n"
    )
}
