#!/bin/sh
# SPDX-License-Identifier: MIT
# include/trill.h stands alone in C99 to C17 and C++, and a program built with pkg-config's flags links and runs.

set -eu
scratch=$(mktemp -d); trap 'rm -rf "$scratch"' EXIT
echo '#include "trill.h"' >"$scratch/alone.c"
cp "$scratch/alone.c" "$scratch/alone.cc"
for standard in c99 c11 c17; do
    cc -std=$standard -pedantic -Wall -Wextra -Wstrict-prototypes -Werror -fsyntax-only -I"$TRILL_ROOT/include" "$scratch/alone.c"
done
if command -v c++ >/dev/null; then
    for standard in c++11 c++20; do
        c++ -std=$standard -pedantic -Wall -Wextra -Werror -fsyntax-only -I"$TRILL_ROOT/include" "$scratch/alone.cc"
    done
fi

cat >"$scratch/program.c" <<'END'
#include <stdio.h>
#include <string.h>
#include <trill.h>
int main(void)
{
    puts(trill_version());
    return strcmp(trill_version(), TRILL_VERSION) != 0;
}
END
if nm -D "$TRILL_BUILD/libtrill.so" | grep -Eq ' U __(a|t)san_'; then
    echo 'a library with sanitizers cannot be linked into a program without'
    exit 77
fi
PKG_CONFIG_PATH=$TRILL_BUILD/meson-uninstalled; export PKG_CONFIG_PATH
# shellcheck disable=SC2046                      # a list of words
cc -o "$scratch/program" "$scratch/program.c" $(pkg-config --cflags --libs trill)
found=$(LD_LIBRARY_PATH=$TRILL_BUILD "$scratch/program") || { echo "the library says version $found"; exit 1; }
