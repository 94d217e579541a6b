# This migration of core must be applied already, or come earlier in this run.
use migrate/checks.nu *

require-migration core 20240115140000

# An approval that is not in the database. The error says what is missing, and what to do.
def main [] {
    let approval = $env.CHANGE_APPROVED_BY? | default ""
    if $approval == "" {
        error make {
            msg: $"nobody has approved ($env.MIGRATION.name)"
            help: "set $env.CHANGE_APPROVED_BY to the name of who did"
        }
    }
    { approved_by: $approval, after: ($env.MIGRATION.planned | length) }
}
