# What the scripts beside this file share; it is sourced by them and never run.
#
# Law of this file: it makes .venv, finds programs, and touches nothing outside the
# repository but what Debian's packages need when root asks for them. Everything is
# installed from requirements/*.txt, which have hashes. A second run only compares one
# digest with the stamp in .venv.
#
# State in .venv, in the order in which it comes to be:
#   bandeau-begun    an installation has started; found at the start of another one, it
#                    says that the first was killed, and .venv is made again
#   bandeau-stamp    "<set> <digest>" of what is installed; written last
# The lock is on the file .venv.lock. The kernel drops it when its holder and the
# holder's children are gone, so nobody can leave it behind.

caller=$PWD
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
cd "$root"
venv=$root/.venv
python=$venv/bin/python

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "$@"
    exit 1
}

may_apt() { [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; }

# apt_install PACKAGE…: its output is shown only when it fails.
apt_install() {
    say "Installing $* with apt-get …"
    if ! apt_says=$({ DEBIAN_FRONTEND=noninteractive apt-get update -q &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$@"; } 2>&1 </dev/null); then
        say "$apt_says"
        return 1
    fi
}

# Prints the first Python that is new enough.
find_python() {
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null 2>&1 &&
            "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            command -v "$name"
            return
        fi
    done
    return 1
}

no_python() {
    fail "Bandeau needs Python 3.11 or newer and found none: install it, then run this again."
}

# digest SET: of everything that an installation depends on. The place counts, because
# the programs in .venv/bin name it; so does Python's own version.
digest() {
    "$python" -I -S - "$root" "requirements/$1.txt" pyproject.toml <<'PYTHON'
import hashlib, sys
state = hashlib.sha256(repr((sys.version_info[:2], sys.argv[1])).encode())
for path in sys.argv[2:]:
    with open(path, "rb") as file:
        state.update(hashlib.sha256(file.read()).digest())
print(state.hexdigest())
PYTHON
}

# ready SET: is it installed as requirements/SET.txt is now? "dev" holds all of "server".
ready() {
    [ -f "$venv/bandeau-stamp" ] && [ -x "$python" ] || return 1
    read -r has was <"$venv/bandeau-stamp" || return 1
    [ "$has" = "$1" ] || [ "$has" = dev ] || return 1
    [ "$(digest "$has" 2>/dev/null)" = "$was" ]
}

make_venv() {
    base=$(find_python) || no_python
    if ! "$base" -c 'import ensurepip' >/dev/null 2>&1; then
        package=$("$base" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
        if ! may_apt || ! apt_install "$package"; then
            fail "This Python cannot make a virtual environment: install the package $package, then run this again."
        fi
    fi
    say "Making .venv with $("$base" --version 2>&1) …"
    rm -rf "$venv"
    mkdir "$venv"
    : >"$venv/bandeau-begun"
    # Without --clear: it would take the mark away.
    "$base" -m venv "$venv"
}

quiet_pip() {
    env -u PIP_USER -u PIP_TARGET -u PIP_PREFIX \
        "$python" -I -m pip install -qq --disable-pip-version-check \
        --no-input --no-deps "$@" ||
        fail "Installing failed: look at the lines above, then run this again."
}

# Is .venv one that we can add to: finished, made in this place, its Python still there?
usable() {
    [ ! -e "$venv/bandeau-begun" ] &&
        "$python" -I -c 'import pip' >/dev/null 2>&1 &&
        grep -q -F "$venv/bin/python" "$venv/bin/pip" 2>/dev/null
}

# lock WHAT: waits until nobody else is setting up. unlock, or the end of this script
# and its children, lets the next one in.
lock() {
    exec 9>"$root/.venv.lock"
    # Python's flock(), because not every system has the program. The lock belongs to
    # descriptor 9, so it stays with this shell when that Python has ended.
    "$(find_python || echo "$python")" -I -c 'if True:
        import fcntl, sys
        try:
            fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another script that is setting up", sys.argv[1], "…", file=sys.stderr)
            fcntl.flock(9, fcntl.LOCK_EX)' "$1" || fail "Cannot lock .venv.lock: is Python 3.11 or newer installed?"
}

unlock() { exec 9>&-; }

# provide SET: afterwards .venv holds requirements/SET.txt and bandeau itself.
provide() {
    if ready "$1"; then return; fi
    find_python >/dev/null || [ -x "$python" ] || no_python
    lock .venv
    if ! ready "$1"; then
        if ! usable; then make_venv; fi
        rm -f "$venv/bandeau-stamp"
        : >"$venv/bandeau-begun"
        say "Installing what requirements/$1.txt lists into .venv …"
        quiet_pip --require-hashes -r "requirements/$1.txt"
        quiet_pip --no-build-isolation --editable .
        rm -f "$venv/bandeau-begun"
        printf '%s %s\n' "$1" "$(digest "$1")" >"$venv/bandeau-stamp.new"
        mv "$venv/bandeau-stamp.new" "$venv/bandeau-stamp"
    fi
    unlock
}

# Prints the machine's Node.js, where it has one that is new enough.
machine_node() {
    command -v node >/dev/null 2>&1 &&
        node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' >/dev/null 2>&1 &&
        command -v node
}

# The npm packages are for checks and for two tests; nobody needs them to run Bandeau.
# Afterwards node_modules is what package-lock.json says, or this returns false.
provide_npm() {
    machine_node >/dev/null && command -v npm >/dev/null 2>&1 || return 1
    if npm_ready; then return; fi
    lock node_modules
    if ! npm_ready; then
        say "Installing what package-lock.json lists into node_modules …"
        if ! npm_says=$(npm ci --loglevel=error --ignore-scripts --no-audit --no-fund 2>&1 </dev/null); then
            unlock
            say "$npm_says"
            say "npm could not install node_modules: going on without it."
            return 1
        fi
        cp package-lock.json node_modules/bandeau-stamp
    fi
    unlock
}

npm_ready() { cmp -s package-lock.json node_modules/bandeau-stamp; }
