# May "{{title}}" run?
#
# Runs before any SQL of the run, in plan order, read-only. An error stops the run, and its message
# is shown. The output is shown, too. The result of the script is in the report of the run. In a new
# database, the tables of earlier migrations do not exist yet. $env.MIGRATION.planned lists these
# migrations, and require-migration accepts them. If a check must see the tables, write this line at
# the top of the file. Then the script runs right before the SQL of its migration, in the transaction:
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
