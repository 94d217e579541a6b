# May "{{title}}" run?
#
# Runs before any SQL of the run, in plan order, read-only. An error stops everything with its
# message; what is printed is shown, what is given is in the report. On an empty database the
# tables of earlier steps are not there yet: $env.MIGRATION.planned lists those steps, and
# require-migration counts on them. A check that must see their tables runs right before its own
# SQL, within the transaction, with this line at the top of the file:
#
#   `# migrate: late`

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
# if ($orphans | is-not-empty) {
#     error make {
#         msg: $"($orphans | length) invoices have no customer"
#         help: "give them one, or delete them"
#     }
# }
