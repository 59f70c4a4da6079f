#!/bin/sh
# SPDX-License-Identifier: MIT
# examples/hello.c fits on a page, builds with nothing but the installed library, answers, and fails as programs should.

set -eu
scratch=$(mktemp -d); trap 'rm -rf "$scratch"' EXIT
fail() { echo "$*"; exit 1; }

[ "$(wc -l <"$TRILL_ROOT/examples/hello.c")" -le 60 ] || fail 'examples/hello.c has more than 60 lines'
if nm -D "$TRILL_BUILD/libtrill.so" | grep -Eq ' U __(a|t)san_'; then
    echo 'a library with sanitizers cannot be linked into a program without'
    exit 77
fi
PKG_CONFIG_PATH=$TRILL_BUILD/meson-uninstalled; export PKG_CONFIG_PATH
LD_LIBRARY_PATH=$TRILL_BUILD; export LD_LIBRARY_PATH
# shellcheck disable=SC2046                      # a list of words
cc -Wall -Wextra -Werror -o "$scratch/hello" "$TRILL_ROOT/examples/hello.c" $(pkg-config --cflags --libs trill)

model=$TRILL_ROOT/tests/golden/llama/model.gguf
[ -f "$model" ] || { echo "$model is absent"; exit 77; }
"$scratch/hello" "$model" Hello >"$scratch/answer" || fail 'no answer'
grep -q '^([0-9]* tokens, ' "$scratch/answer" || fail 'no figures behind the answer'
code=0; "$scratch/hello" "$scratch/nothing" 2>"$scratch/errors" || code=$?
[ "$code" != 0 ] && grep -q "$scratch/nothing" "$scratch/errors" || fail "exit code $code for a model that is not there"
