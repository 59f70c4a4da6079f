#!/bin/sh
# SPDX-License-Identifier: MIT
# libtrill.so exports exactly what include/trill.h declares with TRILL_API, and each name begins with trill_.

set -eu
scratch=$(mktemp -d); trap 'rm -rf "$scratch"' EXIT
nm -D --defined-only "$TRILL_BUILD/libtrill.so" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort >"$scratch/exported"
tr '\n' ' ' <"$TRILL_ROOT/include/trill.h" | grep -o 'TRILL_API [^(;]*(' | grep -v '__attribute__' |
    sed 's/.*[ *]\([A-Za-z0-9_]*\) *($/\1/' | sort >"$scratch/declared"
[ -s "$scratch/declared" ] || { echo 'no declaration found in include/trill.h'; exit 1; }
if ! diff "$scratch/declared" "$scratch/exported"; then
    echo 'above: < declared only, > exported only'
    exit 1
fi
if grep -v '^trill_' "$scratch/exported"; then
    echo 'exported names begin with trill_'
    exit 1
fi
echo "$(wc -l <"$scratch/exported") names"
