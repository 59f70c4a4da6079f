#!/bin/sh
# SPDX-License-Identifier: MIT
# tool/setup installs what is missing and only that, and says in one sentence what keeps it from doing so. apt-get, id and
# sudo are stand-ins; the programs that are "there" are those in a folder of links.

set -eu
[ -z "${TRILL_FAST-}" ] || { echo 'the same in every build'; exit 77; }
scratch=$(mktemp -d); trap 'rm -rf "$scratch"' EXIT
fail() { echo "$*"; cat "$scratch/said" "$scratch/asked" 2>/dev/null || true; exit 1; }

bin=$scratch/bin
mkdir "$bin"
for program in sh env cat echo tr sed head tail cut mktemp rm grep test id true dirname uname gcc g++ cc as ld nm pkg-config meson \
    ninja clang shellcheck git bash qemu-aarch64 aarch64-linux-gnu-gcc chromium chromedriver; do
    found=$(command -v $program) || { echo "$program is absent"; exit 77; }
    case $found in /*) ln -sf "$found" "$bin/$program" ;; esac
done

stand_in() {                                     # NAME: a program from standard input, instead of a link of this name
    { echo '#!/bin/sh'; cat; } >"$scratch/stand-in"
    chmod +x "$scratch/stand-in"
    mv -f "$scratch/stand-in" "$bin/$1"
}

python=$(command -v python3)
stand_in python3 <<END                           # whichever python3 it is, it finds its own programs
PATH='$PATH' exec '$python' "\$@"
END

# EXPECTED-CODE WORDS [ARGUMENTS]: runs tool/setup; WORDS must be in what it says.
setup() {
    expected=$1 words=$2; shift 2
    : >"$scratch/asked"
    code=0
    ASKED=$scratch/asked PATH=$bin "$TRILL_ROOT/tool/setup" "$@" >"$scratch/said" 2>&1 </dev/null || code=$?
    [ "$code" = "$expected" ] || fail "exit code $code, expected $expected"
    [ -z "$words" ] || grep -qF "$words" "$scratch/said" || fail "does not say: $words"
}

stand_in apt-get <<'END'
echo "$*" >>"$ASKED"
END
setup 0 '' test
[ ! -s "$scratch/asked" ] || fail 'everything is there, and apt-get was called'

rm "$bin/meson"
stand_in id <<'END'
echo 0
END
setup 0 'installing meson' build
grep -q 'install meson$' "$scratch/asked" || fail 'apt-get was asked for something else than meson'

stand_in apt-get <<'END'
echo 'E: Unable to fetch some archives'
exit 100
END
setup 1 'could not install meson (is the network reachable?)' build

stand_in id <<'END'
echo 1000
END
setup 1 'these packages are missing and neither root nor sudo is at hand: meson' build
stand_in sudo <<'END'
exit 1
END
setup 1 'please install: meson' build
rm "$bin/apt-get"
setup 1 'there is no apt-get here; please install what Debian calls: meson' build
setup 2 'usage: tool/setup' nonsense
