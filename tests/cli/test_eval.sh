#!/bin/sh
# SPDX-License-Identifier: MIT
# trill eval on small models: table, JSON, CSV and picture; every kind of task; verifiers that hang; what is refused, in one
# sentence each; an evaluation that is stopped goes on.

set -eu
scratch=$(mktemp -d); trap 'rm -rf "$scratch"' EXIT
golden=$TRILL_ROOT/tests/golden
llama=$golden/llama/model.gguf qwen=$golden/qwen3/model.gguf gemma=$golden/gemma3/model.gguf
fail() { echo "$*"; exit 1; }
evaluate() { "$TRILL" eval --store "$scratch/store" --no-ledger -q "$@"; }
member() { python3 -c 'import json, sys; print(eval("d" + sys.argv[2], {"d": json.load(open(sys.argv[1]))}))' "$1" "$2"; }
refused() {                                     # CODE, WORDS of the sentence, arguments
    code=$1 words=$2; shift 2
    set +e; evaluate "$@" >"$scratch/out" 2>"$scratch/error"; found=$?; set -e
    [ $found = "$code" ] || { cat "$scratch/error"; fail "exit code $found, expected $code: $*"; }
    [ "$(wc -l <"$scratch/error")" = 1 ] || { cat "$scratch/error"; fail "not one sentence: $*"; }
    grep -q -- "$words" "$scratch/error" || { cat "$scratch/error"; fail "the sentence has no \"$words\""; }
    [ ! -s "$scratch/out" ] || fail "something on standard output: $*"
}

text=$golden/eval/text.txt
cat >"$scratch/tasks.jsonl" <<'END'
{"id": "choice", "prompt": "the weight", "choices": [" that is read", " 42 42 42"], "answer": 0}

{"id": "exact", "prompt": "the weight", "expect": ["no such answer"], "max_tokens": 4}
{"id": "right", "prompt": "the weight", "verify": true, "max_tokens": 4, "tags": "a"}
{"id": "crashes", "prompt": "the layer", "verify": "kill -SEGV $$", "max_tokens": 4}
{"id": "json", "prompt": "the layer", "json": true, "max_tokens": 4}
END
cat >"$scratch/prompts.jsonl" <<'END'
{"prompt": "the weight that is read", "tags": ["one", "two"], "max_tokens": 60}
{"prompt": "there are three ways", "tags": ["two"], "max_tokens": 60}
{"prompt": "the date", "max_tokens": 60}
END

echo '{"id": "hangs", "prompt": "the layer", "verify": "sleep 100000", "max_tokens": 4}' >"$scratch/hanging.jsonl"

# --- what comes out
evaluate "$llama" "$qwen" --reference "$qwen" --text "$text" --window 64 --tasks "$scratch/tasks.jsonl" --verify true --trust-tasks --verify-seconds 1000 \
    --prompts "$scratch/prompts.jsonl" --json --svg "$scratch/picture.svg" -o "$scratch/answers.jsonl" >"$scratch/report.json"
r=$scratch/report.json
[ "$(member "$r" '["tokens"], d["models"][0]["model"]')" = "(300, 'llama')" ] || fail 'tokens'
[ "$(member "$r" '["models"][1]["kl"], d["models"][1]["agreement"], d["models"][1]["changed"], d["reference"]["stored"]')" = '(0, 1, 0, False)' ] || fail 'a model differs from itself'
[ "$(member "$r" '["models"][0]["kl"] > 1, len(d["pairs"]), any(m["frontier"] for m in d["models"]), d["same_vocabulary"]')" = '(True, 4, True, True)' ] || fail 'two models'
[ "$(member "$r" '["models"][0]["verify"] * 2')" = 1.0 ] || fail 'one verifier of two'
[ "$(member "$r" '["models"][0]["expect"], d["models"][0]["json"]')" = '(0, 0)' ] || fail 'exact, JSON'
[ "$(python3 -c 'import json, sys; print([(g["tag"], g["prompts"]) for g in json.load(open(sys.argv[1]))["models"][0]["groups"]])' "$r")" = "[('one', 1), ('two', 2)]" ] || fail 'groups'
[ "$(wc -l <"$scratch/answers.jsonl")" = 19 ] || fail 'an answer a line: two models on eight items, the reference on three'
grep -q '<svg' "$scratch/picture.svg" && grep -q 'llama' "$scratch/picture.svg" || fail 'no picture'
[ -z "$(find "$scratch/store" -type f ! -name 'reference-*')" ] || fail 'something is left in the store'
evaluate "$llama" --tasks "$scratch/hanging.jsonl" --trust-tasks --verify-seconds 0.2 --json >"$r"
[ "$(member "$r" '["models"][0]["verify"]')" = 0 ] || fail 'a verifier that hangs'

evaluate "$llama" "$qwen" --reference "$qwen" --text "$text" --window 64 >"$scratch/table"
grep -q 'stored before' "$scratch/table" || fail 'the reference was swept again'
awk '{ if (length($0) > 104) exit 1 }' "$scratch/table" || fail 'a table of more than 100 columns'
evaluate "$llama" "$qwen" --reference "$qwen" --text "$text" --window 64 --csv >"$scratch/table.csv"
[ "$(wc -l <"$scratch/table.csv")" = 3 ] || fail 'CSV has a line for names and one for each model'
for file in "$scratch"/store/reference-*; do printf 'x' | dd of="$file" bs=1 seek=500 conv=notrunc 2>/dev/null; done
evaluate "$llama" --reference "$qwen" --text "$text" --window 64 | grep -q 'swept now' || fail 'a damaged reference was used'

# --- what is refused
refused 2 'MODEL is missing' --text "$text"
refused 2 'nothing to evaluate on' "$llama"
refused 2 'not given together' "$llama" --text "$text" --csv --json
refused 3 'no-such-model' "$llama" no-such-model --text "$text"
refused 2 'that of the reference' "$llama" --reference "$gemma" --text "$text"
: >"$scratch/empty"
refused 2 'at least 2 in one' "$llama" --text "$scratch/empty"
for file in -o --svg; do
    refused 1 'no-such-folder/file: cannot be created' "$llama" --reference "$llama" --text "$text" --store "$scratch/untouched" $file "$scratch/no-such-folder/file"
done
[ ! -e "$scratch/untouched" ] || fail 'computed before it was known where answers go'
refused 1 'no-such-text' "$llama" --text "$scratch/no-such-text"
refused 2 'no lines' "$llama" --tasks "$scratch/empty"
echo '{"prompt": "x", "expect": "y"' >"$scratch/bad"
refused 2 'bad: line 1: JSON' "$llama" --tasks "$scratch/bad"
head -c 3000 /dev/urandom >"$scratch/noise"
refused 2 'noise: line 1' "$llama" --tasks "$scratch/noise"
refused 2 'line 5: wants to run a command' "$llama" --tasks "$scratch/tasks.jsonl" --verify true
refused 2 'line 4: verify is true' "$llama" --tasks "$scratch/tasks.jsonl" --trust-tasks
refused 2 'windows of 1' "$llama" --text "$text" --window 1
refused 2 'unexpected\|unknown' "$llama" --txt "$text"
