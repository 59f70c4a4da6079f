#!/bin/sh
# SPDX-License-Identifier: MIT
# trill trace: what a run records is replayed alike, no policy beats the clairvoyant bound, all hit where all fit; a run that
# fails leaves no file.

set -eu
scratch=$(mktemp -d); trap 'rm -rf "$scratch"' EXIT
fail() { echo "$*"; exit 1; }

"$TRILL" synth gpt-oss-120b --tiny -o "$scratch/model.gguf" -q
"$TRILL" trace "$scratch/model.gguf" --record "$scratch/run" -p 'The quick brown fox jumps over the lazy dog.' --decode -n 40 --svg "$scratch/a.svg" \
    --json >"$scratch/a.json"
"$TRILL" trace --replay "$scratch/run" --svg "$scratch/b.svg" --json >"$scratch/b.json"
cmp "$scratch/a.json" "$scratch/b.json" || fail 'a replay differs from what was shown when it was recorded'
cmp "$scratch/a.svg" "$scratch/b.svg" || fail 'the chart of a replay differs'
python3 -c 'import sys, xml.dom.minidom as x; x.parse(sys.argv[1])' "$scratch/a.svg" || fail 'the chart is no XML'
python3 - "$scratch/a.json" <<'END' || fail 'the figures do not hold together'
import json, sys
report = json.load(open(sys.argv[1]))
assert report["accesses"] == report["steps"] * report["working_set"] > 0
before = 0
for row in report["rows"]:
    best = row["hits"]["best"]
    assert all(hits <= best + 1e-9 for hits in row["hits"].values()), row
    assert best >= before
    before = best
END
"$TRILL" trace --replay "$scratch/run" --frames 50%,100% | grep -q '| *100 % |' || fail 'no row for all experts'
"$TRILL" trace "$scratch/model.gguf" --record "$scratch/none" -p x -n 100000 -c 64 -q 2>"$scratch/error" && fail 'a run beyond the context succeeds'
grep -q '^trill: ' "$scratch/error" || fail 'no sentence'
[ ! -e "$scratch/none" ] || fail 'a failed run leaves a file'
for wrong in '' "--replay $scratch/run --record $scratch/x" "--replay $scratch/run --frames 0" "--replay $scratch/run --frames 200%"; do
    code=0
    # shellcheck disable=SC2086
    "$TRILL" trace $wrong >/dev/null 2>&1 || code=$?
    [ "$code" = 2 ] || fail "trace $wrong: exit code $code, expected 2"
done
code=0
"$TRILL" trace --replay "$scratch/model.gguf" >/dev/null 2>&1 || code=$?
[ "$code" = 3 ] || fail "something else than a trace: exit code $code, expected 3"
