//! What new files hold. Pure.

use crate::migration::Name;

/// A migration that says what it is for and does nothing yet.
pub fn blank(name: &Name) -> String {
    let title = title(name);
    format!(
        "-- {title}\n\
         --\n\
         -- Runs in one transaction with its ledger row: leave out BEGIN and COMMIT.\n\
         -- psql runs it, so \\if, \\gset, \\ir and \\copy work; once applied, it must not change.\n\
         \n"
    )
}

/// A validation script that teaches by example, and passes as it is.
pub fn validation(name: &Name) -> String {
    let title = title(name);
    format!(
        r#"# May "{title}" run?
#
# Runs before any SQL of the run, in plan order, read-only. An error stops everything with its
# message; what is printed is shown, what is given is in the report. On an empty database the
# tables of earlier steps are not there yet: $env.MIGRATION.planned lists those steps, and
# require-migration counts on them. A check that must see their tables runs right before its own
# SQL, within the transaction, with this line at the top of the file:
#
#   # migrate: late

use migrate/checks.nu *

# require-server-version 14
# require-extension pgcrypto
# require-migration core 20240108090000
#
# Late checks can look at tables, too:
# require-column customer email --type text
# require-unique customer [email]
#
# Anything else, in nushell:
# let orphans = query "SELECT id FROM invoice WHERE customer_id IS NULL"
# if ($orphans | is-not-empty) {{
#     error make {{
#         msg: $"($orphans | length) invoices have no customer"
#         help: "give them one, or delete them"
#     }}
# }}
"#
    )
}

fn title(name: &Name) -> String {
    name.description.replace('_', " ")
}
