# SPDX-License-Identifier: MIT
# Shared by the fetch-* scripts, which source it: the cache folder, a scratch folder inside it that is removed at
# exit, downloads through pip, and SHA-256 checks. Files enter the cache by rename, whole and checked, or not at all.

me=$(basename "$0")
say()  { echo "$me: $*" >&2; }
fail() { say "$*"; exit 1; }

cache=${XDG_CACHE_HOME:-${HOME:?is not set}/.cache}/trill

has_hash() {                                     # FILE SHA256
    [ -f "$1" ] && [ "$(sha256sum <"$1")" = "$2  -" ]
}

make_scratch() {
    for need in sha256sum python3; do
        command -v "$need" >/dev/null || fail "$need is missing; on Debian and Ubuntu: apt install coreutils python3"
    done
    python3 -m pip --version >/dev/null 2>&1 || fail "python3 has no pip; on Debian and Ubuntu: apt install python3-pip"
    mkdir -p "$cache" 2>/dev/null || fail "cannot create the cache folder $cache"
    scratch=$(mktemp -d "$cache/.fetch.XXXXXX") || fail "cannot write to the cache folder $cache"
    trap 'rm -rf "$scratch"' EXIT
    trap 'exit 130' INT TERM HUP
}

pip_download() {                                 # FOLDER PACKAGE ARGUMENTS...; nothing is installed
    folder=$1 package=$2; shift 2
    python3 -m pip --disable-pip-version-check --no-cache-dir download --quiet --no-deps --dest "$folder" "$@" \
        2>"$scratch/pip.log" ||
        fail "could not download $package (is the network reachable?); pip says: $(grep -m 1 '^ERROR' "$scratch/pip.log" || tail -n 1 "$scratch/pip.log")"
}
