# Sourced by tests/run.sh, examples/demo.sh and others: finds what they need, and installs what is
# missing. All of it is looked for first. So whoever may not install reads at once what to get, and
# how, before anything is downloaded or built. Needs `root`, the project's folder.
#
# need rust nu postgres: gives nu (the program) and pgbin (the folder of PostgreSQL's programs).

# The nu whose crates the plugin is built with.
nu_version=$(sed -n 's/^nu-plugin = { version = "=\([0-9.]*\)".*/\1/p' "$root/Cargo.toml")
nu_minor=${nu_version%.*}
rust_version=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$root/Cargo.toml")
tools="$root/target/tools"
createcluster=/etc/postgresql-common/createcluster.conf

say() { printf '%s\n' "== $*" >&2; }
fail() { say "$*"; exit 1; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# Whether apt-get may install something: by root, or by sudo, which can ask for a password on a terminal only.
may_install() {
    command -v apt-get >/dev/null || return 1
    [ "$(id -u)" -eq 0 ] && return
    command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }
}

# What the look found: lines for the reader, packages for apt-get, formulas for brew.
missing="" packages="" formulas="" builds_nu=""
lacks() { missing="$missing
   $1"; }
# apt's packages, else a formula, else words for a person.
get() {
    if may_install; then packages="$packages $1"
    elif [ -n "$2" ] && command -v brew >/dev/null; then formulas="$formulas $2"
    else lacks "$3"
    fi
}

look_rust() {
    found=$(cargo --version 2>/dev/null | cut -d' ' -f2)
    oldest=$(printf '%s\n' "$found" "$rust_version" | sort -V | head -n 1)
    case "$found" in
        "") lacks "Rust $rust_version or later. Get it from https://rustup.rs" ;;
        *) [ "$oldest" = "$rust_version" ] \
            || lacks "Rust $rust_version or later; this is $found. Get it from https://rustup.rs" ;;
    esac
    command -v cc >/dev/null || get "gcc libc6-dev" "" "a C compiler, which Rust links with. On Debian: apt-get install gcc libc6-dev"
}

find_nu() {
    for nu in "$(command -v nu || true)" "$tools"/node_modules/@nushell/*/bin/nu "$tools/bin/nu"; do
        case "$("$nu" --version 2>/dev/null || true)" in "$nu_minor".*) return ;; esac
    done
    return 1
}

# npm has nu ready to run. Without it and without rights, cargo builds nu: longer, but it needs nothing.
look_nu() {
    find_nu || command -v npm >/dev/null && return
    if may_install; then packages="$packages npm"; else builds_nu=yes; fi
}

get_nu() {
    find_nu && return
    mkdir -p "$tools"
    if command -v npm >/dev/null; then
        say "installing nu $nu_version from npm into $tools"
        npm install --prefix "$tools" --no-audit --no-fund --loglevel=error "nushell@$nu_version" >&2 || true
        find_nu && return
    fi
    say "building nu $nu_version into $tools; this takes about 12 minutes"
    say "to save them: Ctrl-C, install npm or put nu $nu_minor on PATH, and start again"
    cargo install nu --version "$nu_version" --locked --root "$tools" >&2
    find_nu || fail "nu $nu_version was built and does not run"
}

find_postgres() {
    for pgbin in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV) \
        "$(brew --prefix postgresql@17 2>/dev/null || echo /none)/bin" \
        "$(dirname "$(command -v initdb || echo /none/initdb)")"; do
        [ -x "$pgbin/initdb" ] && [ -x "$pgbin/psql" ] && return
    done
    return 1
}

look_postgres() {
    # Another server may be named to the tests, and then only psql is needed.
    [ -n "${MIGRATE_TEST_URL:-}" ] && command -v psql >/dev/null && return
    find_postgres || get postgresql postgresql@17 \
        "PostgreSQL, with its server programs. On Debian: apt-get install postgresql"
}

# Debian's package makes a cluster of its own and starts it, unless this file says no. The file is
# put back afterwards, so that the computer's later clusters are made as always.
without_cluster() {
    kept=$(mktemp)
    [ ! -e "$createcluster" ] || cp "$createcluster" "$kept"
    as_root mkdir -p "$(dirname "$createcluster")"
    trap 'settings_back; exit 130' INT TERM
    echo 'create_main_cluster = false' | as_root tee "$createcluster" >/dev/null
    result=0
    "$@" || result=$?
    settings_back
    trap - INT TERM
    return $result
}

# What the file said before; where there was none, what the package ships.
settings_back() {
    shipped=/usr/share/postgresql-common/createcluster.conf
    if [ -s "$kept" ]; then as_root cp "$kept" "$createcluster"
    elif [ -e "$shipped" ]; then as_root cp "$shipped" "$createcluster"
    else as_root rm -f "$createcluster"
    fi
    rm -f "$kept"
}

# What apt-get says goes to a log, which is shown if it fails. A terminal sees how far it is.
apt_install() {
    log=$(mktemp)
    progress=/dev/null
    [ ! -t 2 ] || progress=/dev/stderr
    {
        as_root apt-get update -qq
        as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -q --no-install-recommends "$@" || echo "apt-get failed"
    } 2>&1 | tee "$log" | awk '
        / newly installed/ { all = $3 }
        /^Setting up/ { done++; printf "\r   %d of %d packages", done, all; fflush() }
        END { printf "\r                              \r" }' >"$progress"
    if grep -qx "apt-get failed" "$log"; then
        tail -n 20 "$log" >&2
        fail "apt-get could not install: $*"
    fi
    rm -f "$log"
}

need() {
    for what in "$@"; do "look_$what"; done
    [ -z "$missing" ] || [ -z "$builds_nu" ] || lacks "npm or nu $nu_minor: not needed, but without them nu is built, which takes 12 minutes"
    [ -z "$missing" ] || fail "this is missing, and may not be installed from here:$missing"
    if [ -n "$packages" ]; then
        say "installing with apt-get, which takes a minute or two:$packages"
        # shellcheck disable=SC2086
        case "$packages" in
            *postgresql*) without_cluster apt_install $packages ;;
            *) apt_install $packages ;;
        esac
    fi
    if [ -n "$formulas" ]; then
        say "installing with brew:$formulas"
        # shellcheck disable=SC2086
        brew install $formulas >&2
    fi
    for what in "$@"; do
        case "$what" in
            nu) get_nu ;;
            postgres) find_postgres || [ -n "${MIGRATE_TEST_URL:-}" ] || fail "PostgreSQL was installed and has no initdb and psql" ;;
        esac
    done
}
