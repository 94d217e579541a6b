#!/bin/sh
# Shows the main commands on a throw-away PostgreSQL, on three tracks of an ERP: add, status, run
# and history, then an error, a finding and a rehearsal. Installs what is missing first, and leaves
# nothing running. With --shell, it starts an interactive nu at the end, on the demo's database.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/tests/install.sh"
case "${1:-}" in "" | --shell) ;; *) fail "unknown argument $1; the only argument is --shell" ;; esac
need rust nu postgres

say "building the plugin; the first time this takes a few minutes"
(cd "$root" && cargo build --locked)
plugin="$root/target/debug/nu_plugin_migrate"

work=$(mktemp -d /tmp/migrate-demo.XXXXXX)
# The server refuses to run as root.
if [ "$(id -u)" -eq 0 ]; then
    id postgres >/dev/null 2>&1 && owner=postgres || owner=nobody
    mkdir "$work/server"
    chmod 755 "$work"
    chown "$owner" "$work/server"
    as_owner() { su "$owner" -s /bin/sh -c "$1"; }
else
    mkdir "$work/server"
    as_owner() { sh -c "$1"; }
fi
server() { as_owner "cd '$work/server' && '$pgbin/pg_ctl' -D data $*"; }
clean_up() {
    server "stop -m immediate -s" || true
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

say "starting a throw-away PostgreSQL in $work"
as_owner "cd '$work/server' && '$pgbin/initdb' -D data -U erp -A trust -E UTF8 --locale=C --no-sync >log"
server "start -w -s -l log -o \"-k '$work/server' -c listen_addresses=''\""
cp -R "$root/examples/erp" "$work/erp"
cd "$work"

export PGHOST="$work/server" PGUSER=erp PGDATABASE=erp PATH="$pgbin:$PATH"
unset DATABASE_URL PGPORT PGSERVICE PGPASSWORD || true
createdb erp

show() {
    printf '\n> %s\n' "$1"
    "$nu" --no-config-file --no-std-lib --plugins "[$plugin]" --commands "$1"
}
# An error must not end the demo.
fails() { show "$1" || true; }
show 'let new = migrate add ./erp/acme "add delivery notes" | first
"CREATE TABLE delivery_note (id int);" | save --append $new.file
$new.file | path basename'
show 'migrate status ./erp | where pending'
show 'migrate run ./erp'
show 'migrate run ./erp | length'
show 'migrate status ./erp --summary'
show 'migrate history ./erp | sort-by duration'

say "a migration with a mistake: the error names file and line, and says what the database holds now"
file=erp/core/20400101000000_core_unique_names.sql
echo 'ALTER TABLE customer ADD UNIQUE (nam);' >"$file"
fails 'migrate run ./erp'

say "the corrected migration, validated and rehearsed before it runs"
echo 'ALTER TABLE customer ADD UNIQUE (name);' >"$file"
show 'migrate validate ./erp | where severity == warning'
show 'migrate rehearse ./erp'
show 'migrate rehearse ./erp | get locks | flatten'

if [ "${1:-}" = --shell ]; then
    say "this nu uses the database of the demo. Try migrate --help or migrate status ./erp; exit removes everything"
    "$nu" --no-config-file --plugins "[$plugin]" || true
    exit
fi
say "to try it yourself on this database:"
printf '%s\n' "  sh $root/examples/demo.sh --shell"
say "to try it on a database of your own, set the environment variables of psql, such as PGHOST and PGUSER:"
printf '%s\n' "  $nu --plugins '[$plugin]'" '  $env.PGDATABASE = "mydatabase"' "  migrate status $root/examples/erp"
