#!/bin/sh
# Runs all tests. Installs what is missing first: nu and PostgreSQL.
# Arguments go to `cargo test`, such as: sh tests/run.sh --test integration run::
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/tests/install.sh"
need rust nu postgres
export MIGRATE_TEST_NU="$nu"
cd "$root"
exec cargo test --locked "$@"
