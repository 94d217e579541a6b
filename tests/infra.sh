#!/bin/sh
# Runs the tests against an infrastructure that fails, and prints the table of outcomes:
# a replica that is promoted, a network that is cut, pgbouncer, TLS, a full server.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/tests/install.sh"
if ! [ -x /usr/sbin/pgbouncer ] && command -v apt-get >/dev/null; then
    say "installing pgbouncer and openssl with apt-get"
    as_root apt-get update -qq >&2
    # Not started as a service: the tests start their own.
    as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get install -y -qq --no-install-recommends pgbouncer openssl >&2
fi
log="$root/target/infra.log"
export MIGRATE_TEST_INFRA=1
status=0
sh "$root/tests/run.sh" --test integration -- infra:: failover:: --nocapture \
    >"$log" 2>&1 || status=$?
grep -E '^(infra|fault) ?\|' "$log" | sort -u || true
grep -E '^test result' "$log"
[ "$status" -eq 0 ] || { tail -n 60 "$log"; exit "$status"; }
