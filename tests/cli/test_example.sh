#!/bin/sh
# SPDX-License-Identifier: MIT
# The examples fit on a page, build with nothing but the installed library, answer, and fail as programs should.

set -eu
scratch=$(mktemp -d); trap 'rm -rf "$scratch"' EXIT
fail() { echo "$*"; exit 1; }

for example in hello request; do
    [ "$(wc -l <"$TRILL_ROOT/examples/$example.c")" -le 62 ] || fail "examples/$example.c is longer than a page"
done
if nm -D "$TRILL_BUILD/libtrill.so" | grep -Eq ' U __(a|t)san_'; then
    echo 'a library with sanitizers cannot be linked into a program without'
    exit 77
fi
PKG_CONFIG_PATH=$TRILL_BUILD/meson-uninstalled; export PKG_CONFIG_PATH
LD_LIBRARY_PATH=$TRILL_BUILD; export LD_LIBRARY_PATH
# shellcheck disable=SC2046                      # a list of words
cc -Wall -Wextra -Werror -o "$scratch/hello" "$TRILL_ROOT/examples/hello.c" $(pkg-config --cflags --libs trill)
# shellcheck disable=SC2046
cc -Wall -Wextra -Werror -o "$scratch/request" "$TRILL_ROOT/examples/request.c" $(pkg-config --cflags --libs trill)

model=$TRILL_ROOT/tests/golden/llama/model.gguf
[ -f "$model" ] || { echo "$model is absent"; exit 77; }
"$scratch/hello" "$model" Hello >"$scratch/answer" || fail 'no answer'
grep -q '^([0-9]* tokens, ' "$scratch/answer" || fail 'no figures behind the answer'
code=0; "$scratch/hello" "$scratch/nothing" 2>"$scratch/errors" || code=$?
[ "$code" != 0 ] && grep -q "$scratch/nothing" "$scratch/errors" || fail "exit code $code for a model that is not there"

body='{"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 5, "stream": true}'
"$scratch/request" "$model" chat "$body" >"$scratch/answer" || fail 'no answer to a request'
[ "$(tail -n 2 "$scratch/answer")" = 'data: [DONE]' ] || fail 'a stream without an end'
code=0; "$scratch/request" "$model" chat '{"messages": 7}' >"$scratch/answer" 2>"$scratch/errors" || code=$?
[ "$code" = 2 ] && grep -q '^{"error":' "$scratch/answer" || fail "exit code $code for a request at fault"
