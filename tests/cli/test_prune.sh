#!/bin/sh
# SPDX-License-Identifier: MIT
# trill prune on small models: evenly, unevenly, again, in other formats, files and folders; what comes out runs, is planned as large as it
# is, swept, quantised and answers in batches; what is refused, in one sentence each.

set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
golden=$TRILL_ROOT/tests/golden
model=$golden/gpt_oss-mxfp4
file=$golden/qwen3_moe/model.gguf
fail() { echo "$0: $*: $(cat "$place/said")" >&2; exit 1; }
run() { "$TRILL" "$@" >"$place/out" 2>"$place/said"; }
member() { python3 -c 'import json, sys; print(eval("d" + sys.argv[2], {"d": json.load(open(sys.argv[1])), "sum": sum}))' "$1" "$2"; }
score() { run score "$1" --text "$golden/eval/text.txt" --window 64 --experts "$2" --moments "$place/moments" --no-ledger -q || fail "score $1"; }
refused() {                                     # CODE, WORDS of the sentence, arguments
    code=$1 words=$2; shift 2
    found=0
    run prune -q "$@" || found=$?
    [ $found = "$code" ] || fail "exit code $found, expected $code: $*"
    [ "$(wc -l <"$place/said")" = 1 ] || fail "not one sentence: $*"
    grep -q -- "$words" "$place/said" || fail "the sentence has no \"$words\""
}
works() {                                       # a model's bytes as planned; it is swept, quantised, and answers
    run inspect "$1" --json || fail "inspect $1"
    bytes=$(member "$place/out" '["tensors"] and sum(t["bytes"] for t in d["tensors"])')
    run plan "$1" --json || fail "plan $1"
    [ "$(member "$place/out" '["weight_bytes"]')" = "$bytes" ] || fail "$1 is not as large as planned"
    echo '{"custom_id": "1", "prompt": "the weight that is read", "max_tokens": 8}' >"$place/lines"
    rm -f "$place/answers"
    run batch "$1" "$place/lines" -o "$place/answers" --no-ledger -q || fail "batch $1"
    grep -q custom_id "$place/answers" || fail "$1 answers nothing"
    score "$1" "$place/again"
}

score "$model" "$place/folder.experts"
score "$file" "$place/file.experts"

# --- evenly: the ranking over all layers that comes to the same gives the same file
run prune "$file" "$place/half.gguf" --keep 0.5 --experts "$place/file.experts" || fail 'half'
grep -q '4 experts in each of 2 layers' "$place/said" || fail 'what is told'
works "$place/half.gguf"
run prune "$file" "$place/same.gguf" --keep 0.5 --experts "$place/file.experts" --uneven || fail 'ranked'
cmp -s "$place/half.gguf" "$place/same.gguf" || fail 'other bytes by another way'

# --- unevenly
run prune "$file" "$place/uneven.gguf" --keep 0.7 --experts "$place/file.experts" --uneven || fail 'uneven'
grep -q '5 to 6 experts in each of 2 layers, 11 of 16 in all, which only trill reads' "$place/said" || fail 'what is told'
works "$place/uneven.gguf"
run inspect "$place/uneven.gguf" && grep -q 'expert_count  *\[[56], [56]\]' "$place/out" || fail 'counts that are shown'
run prune "$place/uneven.gguf" "$place/even.gguf" --keep 0.8 --experts "$place/again" --json -q || fail 'even again'
[ "$(member "$place/out" '["experts"], d["experts_kept"], d["least_kept"], d["most_kept"]')" = '(11, 8, 4, 4)' ] || fail 'the report'
works "$place/even.gguf"
run quantize "$place/uneven.gguf" "$place/q8.gguf" --to q8_0 -q || fail 'quantized afterwards'
run inspect "$place/q8.gguf" --json || fail 'inspect'
[ "$(member "$place/out" '["metadata"]["trill.source.source.name"], len(d["metadata"]["trill.source.experts.kept"]), "trill.experts.kept" in d["metadata"]')" = \
    "('model', 11, False)" ] || fail 'which experts were kept'
run prune "$file" "$place/both.gguf" --keep 0.7 --experts "$place/file.experts" --uneven --to q8_0 -q || fail 'quantized at once'
works "$place/both.gguf"
for which in q8 both; do
    echo '1 2 3 4 5 6 7' | run logits "$place/$which.gguf" --tokens /dev/stdin -o "$place/$which.npy" -q || fail "$which"
done
cmp -s "$place/q8.npy" "$place/both.npy" || fail 'in one pass and in two: other answers'

# --- within a size: of what is left
run prune "$file" "$place/bits.gguf" --keep 0.25 --experts "$place/file.experts" --bits 9 --json -q || fail 'bits'
[ "$(member "$place/out" '["bits"] and 8.8 < d["bits"] <= 9')" = True ] || fail 'other bits than asked for'
run prune "$file" "$place/size.gguf" --keep 0.25 --experts "$place/file.experts" --size 50K -q || fail 'size'
size=$(stat -c %s "$place/size.gguf")
[ "$size" -le 51200 ] && [ "$size" -gt 48000 ] || fail "a file of $size bytes"

# --- folders
run prune "$model" "$place/folder" --keep 0.6 --experts "$place/folder.experts" --uneven -q || fail 'a folder'
grep -q '"num_local_experts": \[5, 5, 4\]' "$place/folder/config.json" || fail 'counts in config.json'
works "$place/folder"

# --- refused
refused 2 'is there already' "$file" "$place/half.gguf" --keep 0.5 --experts "$place/file.experts"
refused 2 '--experts FILE is missing' "$file" "$place/new" --keep 0.5
refused 2 '--keep SHARE is missing' "$file" "$place/new" --experts "$place/file.experts"
refused 3 'those of another model' "$file" "$place/new" --keep 0.5 --experts "$place/folder.experts"
score "$place/half.gguf" "$place/half.experts"
refused 3 'statistics of `trill score --experts` for this model' "$file" "$place/new" --keep 0.5 --experts "$place/half.experts"
refused 3 'expected statistics' "$file" "$place/new" --keep 0.5 --experts "$place/moments"
refused 2 'no routed experts' "$golden/llama/model.gguf" "$place/new" --keep 0.5 --experts "$place/file.experts"
