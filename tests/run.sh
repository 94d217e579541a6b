#!/bin/sh
# Runs all tests. Installs what is missing first: nu 0.115 and PostgreSQL.
# Arguments go to `cargo test`, such as: sh tests/run.sh --test integration run::
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/tests/install.sh"
need_rust
need_nu
# Another server may be named, and then only its client programs are needed.
[ -n "${MIGRATE_TEST_URL:-}" ] && command -v psql >/dev/null || need_postgres
export MIGRATE_TEST_NU="$nu"
cd "$root"
exec cargo test --locked "$@"
