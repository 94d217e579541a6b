# Sourced by tests/run.sh and examples/demo.sh: finds what they need, and installs what is
# missing. Says what it installs before it does it. Needs `root`, the project's folder.
#
# Gives: nu (the program), pgbin (the folder of PostgreSQL's programs).

# The nu whose crates the plugin is built with.
nu_version=$(sed -n 's/^nu-plugin = { version = "=\([0-9.]*\)".*/\1/p' "$root/Cargo.toml")
nu_minor=${nu_version%.*}
tools="$root/target/tools"

say() { printf '%s\n' "== $*" >&2; }
fail() { say "$*"; exit 1; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

need_rust() {
    command -v cargo >/dev/null || fail "Rust is missing: see https://rustup.rs"
}

need_nu() {
    for nu in "$(command -v nu || true)" "$tools"/node_modules/@nushell/*/bin/nu "$tools/bin/nu"; do
        case "$("$nu" --version 2>/dev/null || true)" in "$nu_minor".*) return ;; esac
    done
    mkdir -p "$tools"
    if command -v npm >/dev/null; then
        say "installing nu $nu_version from npm into $tools"
        npm install --prefix "$tools" --no-audit --no-fund --loglevel=error "nushell@$nu_version" >&2
        for nu in "$tools"/node_modules/@nushell/*/bin/nu; do
            [ -x "$nu" ] && return
        done
    fi
    say "building nu $nu_version with cargo into $tools; this takes several minutes"
    cargo install nu --version "$nu_version" --locked --root "$tools" >&2
    nu="$tools/bin/nu"
}

find_postgres() {
    for pgbin in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV) \
        "$(dirname "$(command -v initdb || echo /none/initdb)")"; do
        [ -x "$pgbin/initdb" ] && [ -x "$pgbin/psql" ] && return 0
    done
    return 1
}

need_postgres() {
    find_postgres && return
    if command -v apt-get >/dev/null; then
        say "installing PostgreSQL with apt-get"
        # Only the programs: no cluster of the system's own is made or started.
        if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
            as_root mkdir -p /etc/postgresql-common
            echo 'create_main_cluster = false' \
                | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
        fi
        as_root apt-get update -qq >&2
        as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends postgresql >&2
    elif command -v brew >/dev/null; then
        say "installing PostgreSQL with brew"
        brew install postgresql@17 >&2
        PATH="$(brew --prefix postgresql@17)/bin:$PATH"
    fi
    find_postgres || fail "PostgreSQL's server and client programs are missing: please install them"
}
