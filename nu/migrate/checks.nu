# Checks for validation scripts: what a migration needs, in a line each.
#
# A helper returns nothing if the check passes. Otherwise, its error says what was expected and what
# was found. The helpers use psql and its PG* variables, and work in any nushell:
#
#     use migrate/checks.nu *
#     require-table customer
#     query "SELECT count(*) AS customers FROM customer" | get 0.customers
#
# Names are `table` or `schema.table`, as SQL reads them: `"Odd Name"` keeps its quotes.

# Ask the database, and get a table with types: numbers, bools, datetimes, lists, records.
#
# The values replace :name, :'name' and :"name" in the SQL. Text, numbers and bools keep their type
# (numeric becomes a float), json becomes records and lists, timestamps become datetimes (without a
# time zone: in UTC), everything else becomes text. Give each column a name of its own.
@example "The customers without an email" {
    query "SELECT id, name FROM customer WHERE email IS NULL"
}
@example "With a value" {
    query "SELECT id FROM customer WHERE name = :'name'" { name: "O'Hara" }
}
export def query [
    sql: string # a SELECT, VALUES, TABLE or WITH
    values: record = {} # the values of :'name' and so on
]: nothing -> table {
    let sql_text = $sql | str trim | str trim --right --char ";"
    let names = $values | columns
    let answer = [
        '\encoding UTF8'
        '\set ON_ERROR_STOP 1'
        '\set VERBOSITY verbose'
        '\pset format unaligned'
        '\pset tuples_only on'
        "\\pset fieldsep '\\t'"
        ...($names | each {|name| $'\set ($name) (quote-for-psql $name ($values | get $name))' })
        $"($sql_text)\n\\gdesc"
        '\qecho'
        $"SELECT coalesce\(json_agg\(answer\), '[]') FROM \(\n($sql_text)\n) AS answer;"
        ...($names | each {|name| $'\unset ($name)' })
        ""
    ] | str join "\n" | ask-psql
    if $answer.exit_code != 0 {
        error make {
            msg: (psql-error $answer.stderr)
            label: { text: "asked here", span: (metadata $sql).span }
        }
    }
    let parts = $answer.stdout | split row --number 2 "\n\n"
    let moments = $parts.0
        | lines
        | parse "{name}\t{type}"
        | where type =~ '^(timestamp|date)[^\[]*$'
        | get name
    $parts.1 | from json | each {|row|
        $moments | reduce --fold $row {|name, row| $row | update $name {|row| $row | get $name | to-moment } }
    }
}

# Require that a table, view or other relation exists.
@example "In the search path" { require-table customer }
@example "In a schema" { require-table sales.invoice }
export def require-table [
    name: string # table or schema.table
]: nothing -> nothing {
    check-table $name (metadata $name).span
}

def check-table [name: string, span: record] {
    if (find-table $name) == null {
        let there = query "
            SELECT relname AS name FROM pg_catalog.pg_class
            WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND pg_catalog.pg_table_is_visible(oid)
              AND relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema')
            ORDER BY relname LIMIT 10"
        let found = if ($there | is-empty) { "no table at all" } else { $there.name | str join ", " }
        fail $span $"expected the table ($name); found ($found)"
    }
}

# Require that a column exists, and has a type.
@example "Any type" { require-column customer email }
@example "As format_type spells it" { require-column customer email --type "character varying(200)" }
export def require-column [
    table: string # table or schema.table
    column: string # the column
    --type: string # its type, as `\d` shows it
]: nothing -> nothing {
    check-column $table $column (metadata $table).span (metadata $column).span
    if $type == null { return }
    let found = columns-of $table | where name == $column | get 0.type
    if $found != $type {
        fail (metadata $type).span $"expected ($table).($column) to be ($type); found ($found)"
    }
}

def check-column [table: string, column: string, table_span: record, column_span: record] {
    check-table $table $table_span
    let names = columns-of $table | get name
    if $column not-in $names {
        fail $column_span $"expected the column ($column) in ($table); found ($names | str join ', ')"
    }
}

def columns-of [table: string]: nothing -> table<name: string, type: string> {
    query "
        SELECT attname AS name, pg_catalog.format_type(atttypid, atttypmod) AS type
        FROM pg_catalog.pg_attribute
        WHERE attrelid = pg_catalog.to_regclass(:'table') AND attnum > 0 AND NOT attisdropped
        ORDER BY attnum" { table: $table }
}

# Require that a schema exists.
@example "A schema of one's own" { require-schema sales }
export def require-schema [
    name: string # the schema
]: nothing -> nothing {
    let schemas = query "SELECT nspname AS name FROM pg_catalog.pg_namespace ORDER BY nspname" | get name
    if $name not-in $schemas {
        let own = $schemas | where $it !~ '^(pg_|information_schema$)' | str join ", "
        fail (metadata $name).span $"expected the schema ($name); found ($own)"
    }
}

# Require that an extension is installed in the database.
@example "Any version" { require-extension pgcrypto }
export def require-extension [
    name: string # the extension
]: nothing -> nothing {
    let installed = query "SELECT extname AS name FROM pg_catalog.pg_extension ORDER BY extname"
    if $name not-in $installed.name {
        let available = query "
            SELECT name FROM pg_catalog.pg_available_extensions WHERE name = :'name'" { name: $name }
        let found = $installed.name | str join ", "
        (fail (metadata $name).span $"expected the extension ($name); found ($found)"
            (if ($available | is-empty) { "install its files on the server first" } else { $"CREATE EXTENSION (quote-name $name);" }))
    }
}

# Require that a role exists.
@example "Before GRANT" { require-role reporting }
export def require-role [
    name: string # the role
]: nothing -> nothing {
    let roles = query "SELECT rolname AS name FROM pg_catalog.pg_roles ORDER BY rolname" | get name
    if $name not-in $roles {
        let own = $roles | where $it !~ '^pg_' | str join ", "
        fail (metadata $name).span $"expected the role ($name); found ($own)" $"CREATE ROLE (quote-name $name);"
    }
}

# Is a migration among those that another one replaces: `core/20240101000000`, or a range of these?
def stands-for [replaced: list<string>, wanted: string]: nothing -> bool {
    $replaced | any {|range|
        let ends = $range | split row ".."
        $wanted >= ($ends | first) and $wanted <= ($ends | last)
    }
}

# Require that a migration is applied, or comes earlier in the same plan.
#
# The migration may be of any track. Outside a validation script, name the ledgers' schema and
# prefix in $env.MIGRATION: { ledger: { schema: public, prefix: migrations_ } }.
@example "A migration of another track" { require-migration impl 20231201130000 }
export def require-migration [
    track: string # the track
    version: any # the timestamp of 14 digits
]: nothing -> nothing {
    let digits = $version | into string
    let planned = $env.MIGRATION?.planned? | default []
    let wanted = $"($track)/($digits)"
    let is_planned = $planned | any {|step|
        ($step.track == $track and $step.version == $digits) or (stands-for ($step.replaces? | default []) $wanted)
    }
    if $is_planned { return }
    let ledger = $env.MIGRATION?.ledger? | default { schema: public, prefix: migrations_ }
    let name = { schema: $ledger.schema, table: $"($ledger.prefix)($track)" }
    let exists = query "
        SELECT FROM pg_catalog.pg_class
        WHERE relname = :'table' AND relnamespace = pg_catalog.to_regnamespace(quote_ident(:'schema'))" $name
    let expected = $"expected the migration ($digits) of track ($track) to be applied or planned earlier"
    if ($exists | is-empty) {
        fail (metadata $version).span $"($expected); found no ledger of that track"
    }
    let applied = query '
        SELECT left(migration_name, 14) AS version, to_jsonb(ledger) ->> $$state$$ AS state, (
            SELECT coalesce(jsonb_agg(key), $$[]$$)::text FROM jsonb_each_text(
                CASE jsonb_typeof(to_jsonb(ledger) -> $$parts$$) WHEN $$object$$ THEN to_jsonb(ledger) -> $$parts$$ END)
            WHERE value = $$replaced$$) AS replaces
        FROM :"schema".:"table" AS ledger ORDER BY 1' $name
    let found = $applied | where {|row|
        $row.version == $digits or (stands-for ($row.replaces | from json) $wanted)
    }
    if ($found | is-empty) {
        let newest = $applied | get version | last | default "nothing"
        fail (metadata $version).span $"($expected); found no such migration; the newest that is applied is ($newest)"
    }
    if ($found.0.state | default applied) != applied {
        fail (metadata $version).span $"($expected); found it ($found.0.state)"
    }
}

# Require that a table has no rows.
@example "Before a new NOT NULL column" { require-empty import_queue }
export def require-empty [
    table: string # table or schema.table
]: nothing -> nothing {
    let rows = count-rows $table (metadata $table).span
    if $rows > 0 {
        fail (metadata $table).span $"expected ($table) to be empty; found ($rows) rows"
    }
}

# Require that a table has rows.
@example "At least one row" { require-rows currency }
@example "At least 100 rows" { require-rows currency --at-least 100 }
export def require-rows [
    table: string # table or schema.table
    --at-least: int = 1 # how many
]: nothing -> nothing {
    let rows = count-rows $table (metadata $table).span
    if $rows < $at_least {
        fail (metadata $table).span $"expected at least ($at_least) rows in ($table); found ($rows)"
    }
}

# Require that columns have no NULL, before NOT NULL is set.
@example "One column" { require-not-null customer email }
export def require-not-null [
    table: string # table or schema.table
    column: string # the column
]: nothing -> nothing {
    check-column $table $column (metadata $table).span (metadata $column).span
    let rows = query $"SELECT count\(*) AS count FROM (find-table $table) WHERE (quote-name $column) IS NULL"
    if $rows.0.count > 0 {
        fail (metadata $column).span $"expected no NULL in ($table).($column); found ($rows.0.count)"
    }
}

# Require that no two rows have the same values, before a unique constraint is added. As in the
# constraint, a row with a NULL differs from all others.
@example "Two columns together" { require-unique invoice [customer_id number] }
export def require-unique [
    table: string # table or schema.table
    columns: list<string> # the columns
]: nothing -> nothing {
    let span = (metadata $columns).span
    if ($columns | is-empty) { fail $span "expected the names of columns; found none" }
    for column in $columns { check-column $table $column (metadata $table).span $span }
    let names = $columns | each {|column| quote-name $column }
    let list = $names | str join ", "
    let not_null = $names | each {|name| $"($name) IS NOT NULL" } | str join " AND "
    let twice = query $"
        SELECT ($list), count\(*) AS \"how often\" FROM (find-table $table)
        WHERE ($not_null)
        GROUP BY ($list) HAVING count\(*) > 1 ORDER BY count\(*) DESC LIMIT 3"
    if ($twice | is-not-empty) {
        let examples = $twice | each {|row| $row | to nuon } | str join ", "
        fail $span $"expected unique ($columns | str join ', ') in ($table); found ($examples)"
    }
}

# Require a server that is new enough.
@example "For MERGE" { require-server-version 15 }
export def require-server-version [
    at_least: int # the major version
]: nothing -> nothing {
    let found = query "
        SELECT current_setting('server_version') AS version,
          current_setting('server_version_num')::int / 10000 AS major"
    if $found.0.major < $at_least {
        fail (metadata $at_least).span $"expected PostgreSQL ($at_least) or later; found ($found.0.version)"
    }
}

# The table's name as the server writes it, quoted where it must be; nothing if there is none.
def find-table [name: string]: nothing -> any {
    query "SELECT pg_catalog.to_regclass(:'name')::text AS name" { name: $name } | get 0.name
}

def count-rows [table: string, span: record]: nothing -> int {
    check-table $table $span
    query $"SELECT count\(*) AS count FROM (find-table $table)" | get 0.count
}

# Text goes to psql's standard input: that of the run itself in a late script.
def ask-psql []: string -> record<stdout: string, stderr: string, exit_code: int> {
    let words = $env.MIGRATION?.psql? | default [psql]
    $in | ^($words | first) ...($words | skip 1) -X -q -w -f - | complete
}

# psql stops at the first error, so that the last message with an error's code tells it: a server
# may say ERROR in another language. Codes 00, 01 and 02 are success, warning and no data.
def psql-error [stderr: string]: nothing -> string {
    let said = $stderr | lines
    let of_server = $said
        | parse --regex '^psql:.*?[^: ]+:  (?<code>[0-9A-Z]{5}): (?<message>.*)$'
        | where code !~ '^0[012]'
    let of_psql = $said | parse --regex '^psql:.*?error: (?<message>.*)$'
    [...$of_psql ...$of_server] | get message | last | default ($stderr | str trim)
}

# A name as SQL takes it, whatever it holds.
def quote-name [name: string]: nothing -> string {
    $'"($name | str replace --all '"' '""')"'
}

# psql's own quoting, for `\set`. A moment keeps its time zone and its fractions.
def quote-for-psql [name: string, value: any]: nothing -> string {
    let plain = match ($value | describe | split row "<" | first) {
        "string" | "int" | "float" | "bool" | "glob" => $value
        "datetime" => ($value | format date "%+")
        "duration" => $"($value / 1sec) seconds"
        "filesize" => ($value | into int)
        $other => {
            error make {
                msg: $"the value of ($name) is a ($other); a query takes text, numbers, bools and moments"
                label: { text: "given here", span: (metadata $value).span }
            }
        }
    }
    let text = $plain | into string
        | str replace --all '\' '\\'
        | str replace --all "'" "\\'"
        | str replace --all "\n" '\n'
    $"'($text)'"
}

def to-moment []: any -> any {
    let text = $in
    if $text == null { return null }
    let is_local = $text !~ '([+-]\d{2}:?\d{2}|Z)$' or $text =~ '^\d{4}-\d{2}-\d{2}$'
    try { if $is_local { $text | into datetime --timezone utc } else { $text | into datetime } } catch { $text }
}

def fail [span: record, message: string, help?: string] {
    error make { msg: $message, label: { text: "required here", span: $span }, help: $help }
}
