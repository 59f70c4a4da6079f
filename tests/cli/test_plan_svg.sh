#!/bin/sh
# SPDX-License-Identifier: MIT
# The pictures of plans: XML, with a point for each kind of work or for each model; a name with signs of XML stays a name.

set -eu
scratch=$(mktemp -d); trap 'rm -rf "$scratch"' EXIT
fail() { echo "test_plan_svg: $1" >&2; exit 1; }
count() { grep -o "$2" "$1" | wc -l; }

printf '{"name": "a <b> & \\"c\\"", "threads": 4, "ram": "24G", "memory": "40GB/s", "drive": "3GB/s", "flops": "1T", "disk": "2T"}' >"$scratch/machine.json"
"$TRILL" plan kimi-k2 --machine "$scratch/machine.json" --svg "$scratch/roof.svg" >"$scratch/out"
"$TRILL" plan kimi-k2 --like qwen3-8b,glm-4.5 --machine "$scratch/machine.json" --svg "$scratch/costs.svg" >"$scratch/out"
"$TRILL" plan --machine "$scratch/machine.json" --svg "$scratch/suits.svg" --json >"$scratch/suits.json"
for name in roof costs suits; do
    python3 -c 'import sys, xml.dom.minidom as x; x.parse(sys.argv[1])' "$scratch/$name.svg" || fail "$name.svg is no XML"
done
grep -q 'a &lt;b&gt; &amp; &quot;c&quot;' "$scratch/roof.svg" || fail 'the name of the machine is not escaped'
[ "$(count "$scratch/roof.svg" '<circle')" -eq 4 ] || fail "$(count "$scratch/roof.svg" '<circle') points under the roofs, expected 4"
[ "$(count "$scratch/roof.svg" '<polyline')" -eq 2 ] || fail 'there are not two roofs'
[ "$(count "$scratch/costs.svg" '<circle')" -eq 6 ] || fail "$(count "$scratch/costs.svg" '<circle') points for three models, expected 6"
suits=$(python3 -c 'import json, sys; print(sum(1 + (s["score_tokens_per_s"] is not None) for s in json.load(open(sys.argv[1]))["suits"]))' "$scratch/suits.json")
[ "$(count "$scratch/suits.svg" '<circle')" -eq "$suits" ] || fail "$(count "$scratch/suits.svg" '<circle') points for what suits, expected $suits"
echo 'pictures of plans: three'
