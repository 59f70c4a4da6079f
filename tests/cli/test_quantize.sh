#!/bin/sh
# SPDX-License-Identifier: MIT
# trill quantize on small models: formats, schemes, sizes; importance from trill score; what is refused, in one sentence each;
# a run that is killed goes on and writes the same bytes; a disk with too little room is noticed before anything is written, one that
# fills up does not leave a model; and trill eval tells what was lost.

set -eu
disk_size=48k goes_on=yes
# shellcheck source=small_disk.sh
. "$(dirname "$0")/small_disk.sh"
golden=$TRILL_ROOT/tests/golden
llama=$golden/llama/model.gguf
quantize() { "$TRILL" quantize -q --no-ledger "$@" 2>"$said"; }
member() { python3 -c 'import json, sys; print(eval("d" + sys.argv[2], {"d": json.load(open(sys.argv[1]))}))' "$1" "$2"; }
refused() {                                     # CODE, WORDS of the sentence, arguments
    code=$1 words=$2; shift 2
    found=0
    quantize "$@" >"$place/out" || found=$?
    [ $found = "$code" ] || fail "exit code $found, expected $code: $*"
    [ "$(wc -l <"$said")" = 1 ] || fail "not one sentence: $*"
    grep -q -- "$words" "$said" || fail "the sentence has no \"$words\""
    [ ! -s "$place/out" ] || fail "something on standard output: $*"
}

# --- what comes out
quantize "$llama" "$place/q8.gguf" --to q8_0 --json >"$place/report.json" || fail 'q8_0'
[ "$(member "$place/report.json" '["tensors"], d["changed"], d["resumed"], d["source_bytes"]')" = '(22, 14, 0, 157952)' ] || fail 'report'
[ "$(member "$place/report.json" '["bytes"]')" = "$(stat -c %s "$place/q8.gguf")" ] || fail 'bytes of the file'
[ "$(member "$place/report.json" '["bytes"] < 60000 and 0 < d["relative_error"] < 1e-4')" = True ] || fail 'bytes and error'
"$TRILL" inspect "$place/q8.gguf" --json >"$place/inspect.json"
[ "$(member "$place/inspect.json" '["metadata"]["trill.source.name"], len(d["metadata"]["trill.source.identity"]), d["metadata"]["general.file_type"]')" = \
    "('model', 64, 7)" ] || fail 'where it is from'
[ "$(member "$place/inspect.json" '["metadata"]["trill.scheme"].split("\n")[0]')" = '* q8_0' ] || fail 'the scheme in the file'
printf '* q4_0\nattention 0 keep\n*.ffn_up.* -1 q8_0\n' >"$place/scheme"
quantize "$llama" "$place/scheme.gguf" --to "$place/scheme" || fail 'a scheme'
"$TRILL" inspect "$place/scheme.gguf" --json >"$place/inspect.json"
[ "$(member "$place/inspect.json" '["tensors"] and [t["type"] for t in d["tensors"] if t["name"] in ("blk.0.attn_q.weight", "blk.1.attn_q.weight", "blk.1.ffn_up.weight")]')" = \
    "['f32', 'q8_0', 'q4_0']" ] || fail 'which tensor got what'
"$TRILL" score "$llama" --text "$golden/eval/text.txt" --window 64 --moments "$place/moments" --no-ledger -q >"$place/out" 2>"$said" || fail 'moments'
quantize "$llama" "$place/weighed.gguf" --bits 12 --importance "$place/moments" --json >"$place/report.json" || fail 'bits'
[ "$(member "$place/report.json" '["bits"] <= 12.1')" = True ] || fail 'more bits than asked for'
"$TRILL" inspect "$place/weighed.gguf" --json >"$place/inspect.json"
[ "$(member "$place/inspect.json" '["metadata"]["trill.importance.sha256"]')" = "$(sha256sum "$place/moments" | cut -d ' ' -f 1)" ] || fail 'whose importance'
quantize "$llama" "$place/known.gguf" --to q4_0 --importance "$place/moments" --json >"$place/report.json" || fail 'importance'
[ "$(member "$place/report.json" '["importance"]')" = "{'matrices': 14, 'missing': {'embedding': 1}}" ] || fail 'of how many matrices importance is known'
[ "$(member "$place/report.json" '["warnings"]')" = "['importance is known of 13 of the 14 matrices that are rounded, not of: embedding 1']" ] || fail 'what is said'
quantize "$llama" "$place/size.gguf" --size 55K || fail 'size'
[ "$(stat -c %s "$place/size.gguf")" -le 56320 ] || fail 'a larger file than asked for'
rm "$place/size.gguf"
quantize "$golden/llama" "$place/size.gguf" --size 55K || fail 'size of what is converted'
[ "$(stat -c %s "$place/size.gguf")" -le 56320 ] || fail 'a larger file than asked for, converted'
echo '{"prompt": "the weight that is read", "max_tokens": 20}' >"$place/prompts.jsonl"
"$TRILL" eval "$place/q8.gguf" "$place/scheme.gguf" "$llama" --reference "$llama" --text "$golden/eval/text.txt" --window 64 --prompts "$place/prompts.jsonl" \
    --store "$place/store" --no-ledger --json -q >"$place/eval.json" 2>"$said" || fail 'eval'
[ "$(member "$place/eval.json" '["models"] and [0 < d["models"][0]["kl"] < d["models"][1]["kl"], d["models"][2]["kl"], d["models"][2]["changed"], d["models"][1]["changed"] >= 0]')" = \
    '[True, 0, 0, True]' ] || fail 'what was lost'

# --- safetensors, in the formats that they store
quantize "$golden/llama" "$place/folder" --to bf16 --json >"$place/report.json" || fail 'safetensors'
[ "$(member "$place/report.json" '["bytes"] < 85000')" = True ] && [ -s "$place/folder/tokenizer.json" ] && [ -s "$place/folder/config.json" ] || fail 'the folder'
[ -z "$(find "$place/folder" -name '*.partial')" ] || fail 'something is left'
"$TRILL" eval "$place/folder" --reference "$golden/llama" --text "$golden/eval/text.txt" --window 64 --store "$place/store" --no-ledger --json -q \
    >"$place/eval.json" 2>"$said" || fail 'eval of safetensors'
[ "$(member "$place/eval.json" '["models"] and 0 < d["models"][0]["kl"] < 0.01')" = True ] || fail 'what bf16 lost'
quantize "$place/folder" "$place/again" --to f32 || fail 'back to f32'
refused 2 '^trill: --to:1: safetensors stores no q4_0: an output that ends in .gguf does' "$golden/llama" "$place/new" --to q4_0
refused 2 'safetensors store f32, f16 and bf16' "$golden/llama" "$place/new" --bits 5

# --- what others noted of a model stays, behind "source." where it is noted anew
edit() {                                        # of a folder's weights: what python says of the header d and the bytes b
    python3 - "$1/model.safetensors" "$2" <<'END'
import json, struct, sys
b = bytearray(open(sys.argv[1], 'rb').read())
n = struct.unpack('<Q', b[:8])[0]
d, b = json.loads(b[8:8 + n]), b[8 + n:]
exec(sys.argv[2])
header = json.dumps(d).encode()
open(sys.argv[1], 'wb').write(struct.pack('<Q', len(header)) + header + b)
END
}
cp -r "$golden/llama" "$place/noted"
edit "$place/noted" 'd["__metadata__"].update({"trill.distill.teacher.license": "mit", "trill.scheme": "* f32", "general.license": "mit"})'
for to in noted-bf16 noted.gguf noted-q4.gguf; do
    case $to in *q4*) from=noted.gguf as=q4_0;; *) from=noted as=bf16;; esac
    quantize "$place/$from" "$place/$to" --to $as || fail "$to"
    "$TRILL" inspect "$place/$to" --json | sed 's/"__metadata__[.]/"/g' >"$place/inspect.json"
    [ "$(member "$place/inspect.json" '["metadata"]["trill.distill.teacher.license"], d["metadata"]["general.license"], d["metadata"]["trill.source.name"]')" = \
        "('mit', 'mit', 'noted')" ] || fail "$to: what was noted"
done
[ "$(member "$place/inspect.json" '["metadata"]["trill.source.source.name"], d["metadata"]["trill.source.scheme"], d["metadata"]["trill.source.source.scheme"]')" = \
    "('noted', '* bf16\n', '* f32')" ] || fail 'where the source is from'

# --- what is refused
edit "$place/noted" 'at = d["model.layers.1.mlp.up_proj.weight"]["data_offsets"][0]; b[at + 400:at + 404] = struct.pack("<f", float("nan"))'
refused 3 'blk.1.ffn_up.weight: found a value in row 3 that q8_0 cannot hold' "$place/noted" "$place/nan.gguf" --to q8_0
rm "$place/nan.gguf.partial"
refused 2 'PATH is missing' "$llama"
refused 2 'expected PATH' "$llama" ''
refused 2 'what to write is missing' "$llama" "$place/new.gguf"
refused 2 'q4_9' "$llama" "$place/new.gguf" --to q4_9
refused 2 'give one of them' "$llama" "$place/new.gguf" --bits 4 --size 1M
mkdir "$place/there"
refused 2 'is a folder' "$llama" "$place/there" --to q4_0 --force
refused 2 'is there already' "$llama" "$place/q8.gguf" --to q4_0
mkfifo "$place/pipe"
refused 2 'expected the name of a file' "$llama" "$place/pipe" --to q4_0 --force
refused 2 'is a file of the model itself' "$place/noted/model.safetensors" "$place/noted" --to bf16 --force
cp -r "$golden/qwen2" "$place/shards"
refused 2 'is a file of the model itself' "$place/shards/model.safetensors.index.json" "$place/shards" --to bf16 --force
refused 2 ': 2 bits a weight are too few: the least that the formats give is' "$llama" "$place/new.gguf" --bits 2
refused 2 ': 20480 bytes are too few: the least that the formats give is' "$llama" "$place/new.gguf" --size 20K
refused 2 'GGUF stores no fp8_b128' "$llama" "$place/new.gguf" --to fp8_b128
printf '* q4_0\nexperts q8_0\n' >"$place/scheme"
refused 2 ':2: "experts" matches no tensor of' "$llama" "$place/new.gguf" --to "$place/scheme"
refused 3 'of another model' "$golden/gpt_oss/model.gguf" "$place/new.gguf" --to q4_0 --importance "$place/moments"
refused 3 'importance' "$llama" "$place/new.gguf" --to q4_0 --importance "$golden/eval/text.txt"
[ ! -e "$place/new.gguf" ] && [ ! -e "$place/new.gguf.partial" ] || fail 'something is left of what was refused'

head -c 1100000 /dev/zero | tr '\0' '#' >"$place/scheme"
refused 2 'at most 1048576 expected' "$llama" "$place/new.gguf" --to "$place/scheme"
printf '* q4_0\n\0* q8_0\n' >"$place/scheme"
refused 2 'a byte is zero' "$llama" "$place/new.gguf" --to "$place/scheme"

# --- room
if [ "$disk" ]; then
    refused 1 'are needed, and .* are free there' "$llama" "$disk/f32.gguf" --to f32
    [ ! -s "$disk/f32.gguf.partial" ] || fail 'something was written'
fi
code=0
(ulimit -f 32; "$TRILL" quantize "$llama" "$place/room.gguf" --to q4_0 -q --no-ledger) 2>"$said" || code=$?
[ "$code" = 1 ] && [ ! -e "$place/room.gguf" ] || fail 'a file that may not grow'
grep -q 'File too large' "$said" || fail 'why it stopped'
quantize "$llama" "$place/room.gguf" --to q4_0 --json >"$place/report.json" || fail 'with room'
quantize "$llama" "$place/q4.gguf" --to q4_0 || fail 'undisturbed'
cmp "$place/room.gguf" "$place/q4.gguf" || fail 'other bytes after a full disk'

# --- memory: stacked experts of 32 MB each, through less than that
cat >"$place/config.json" <<'END'
{"architectures": ["Qwen3MoeForCausalLM"], "model_type": "qwen3_moe", "hidden_size": 1024, "num_hidden_layers": 1, "num_attention_heads": 8,
 "num_key_value_heads": 2, "head_dim": 64, "intermediate_size": 64, "moe_intermediate_size": 1024, "num_experts": 16, "num_experts_per_tok": 2,
 "norm_topk_prob": true, "vocab_size": 300, "max_position_embeddings": 512, "rms_norm_eps": 1e-6, "rope_theta": 1000000.0, "tie_word_embeddings": true}
END
"$TRILL" synth "$place/config.json" --to bf16 -o "$place/stacked.gguf" -q --no-ledger
[ "$(stat -c %s "$place/stacked.gguf")" -gt 100000000 ] || fail 'a model that is not three times as large as memory'
refused 4 'needs at least .* MiB for rows on their way, the budget is 16 MiB' "$place/stacked.gguf" "$place/new.gguf" --to q8_0 --ram 16M
[ ! -e "$place/new.gguf.partial" ] || fail 'something is left of what was refused'
if grep -q __asan_init "$TRILL" || grep -q __tsan_init "$TRILL"; then echo 'sanitizers keep what was freed: no word on memory'; else
    for ram in 32M 64M; do
        quantize "$place/stacked.gguf" "$place/$ram.gguf" --to q8_0 --ram $ram --json >"$place/report.json" || fail "$ram"
        [ "$(member "$place/report.json" "['peak_bytes'] <= ${ram%M} << 20")" = True ] || fail "more memory than $ram"
    done
    cmp "$place/32M.gguf" "$place/64M.gguf" || fail 'other bytes with more memory'
    quantize "$place/stacked.gguf" "$place/bits.gguf" --bits 6 --ram 32M --json >"$place/report.json" || fail 'bits in little memory'
    [ "$(member "$place/report.json" "['peak_bytes'] <= 32 << 20")" = True ] || fail 'more memory to choose formats'
fi
rm -f "$place"/*M.gguf "$place/stacked.gguf" "$place/bits.gguf"

# --- stopped and killed; it gives way to who watches it
"$TRILL" synth qwen3-30b-a3b --tiny --layers 1 --to f32 -o "$place/model.gguf" -q --no-ledger
quantize "$place/model.gguf" "$place/good.gguf" --to iq3_xxs -t 2 || fail 'to be killed'
for signal in KILL TERM; do
    rm -f "$place/killed.gguf"
    nice -n 5 "$TRILL" quantize "$place/model.gguf" "$place/killed.gguf" --to iq3_xxs -t 1 -q --no-ledger 2>"$said" &
    job=$!
    while kill -0 $job 2>/dev/null && [ "$(stat -c %s "$place/killed.gguf.partial" 2>/dev/null || echo 0)" -lt 100000 ]; do sleep 0.02; done
    kill -$signal $job 2>/dev/null || fail 'it was too fast to be stopped'
    code=0
    wait $job 2>/dev/null || code=$?
    [ $signal = KILL ] || [ $code = 130 ] || fail "stopped with exit code $code"
    [ ! -e "$place/killed.gguf" ] || fail 'a model of a run that was stopped'
    quantize "$place/model.gguf" "$place/killed.gguf" --to iq3_xxs --json >"$place/report.json" || fail 'going on'
    [ "$(member "$place/report.json" '["resumed"] > 0')" = True ] || fail 'it began afresh'
    cmp "$place/good.gguf" "$place/killed.gguf" || fail "other bytes after $signal"
done
