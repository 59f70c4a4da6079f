#!/bin/sh
# SPDX-License-Identifier: MIT
# Experts that come in the 4 bits they were trained in, across kinds of files: int4 of safetensors is q4_0 of a GGUF value for value, what
# rounds the rest leaves them as they came unless it is told otherwise, and a scale that q4_0 cannot say ends in one sentence.

set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
golden=$TRILL_ROOT/tests/golden
kimi=$golden/kimi_k2-int4
said=$place/said
fail() { echo "$0: $*: $(cat "$said")" >&2; exit 1; }
run() { "$TRILL" "$@" >"$place/out" 2>"$said"; }
logits() { run logits "$1" --tokens "$kimi/tokens.json" -o "$place/logits.npy" --kv f32 --json "$2" "$3" || fail "logits of $1"; sed 's/.*"sha256":"\([0-9a-f]*\)".*/\1/' "$place/out"; }
types() {                                       # formats of tensors whose name has WORD, in order
    run inspect "$1" --json || fail "inspect $1"
    python3 -c 'import json, sys; print(*sorted({t["type"] for t in json.load(open(sys.argv[1]))["tensors"] if sys.argv[2] in t["name"]}))' "$place/out" "$2"
}

# --- the same values, and the same bits of products with activations of 8 bits
run convert -q --no-ledger "$kimi" "$place/kimi.gguf" || fail 'int4 to a GGUF'
[ "$(types "$place/kimi.gguf" exps.)" = q4_0 ] || fail 'formats of experts'
for activations in f32 auto; do
    [ "$(logits "$kimi" --activations $activations)" = "$(logits "$place/kimi.gguf" --activations $activations)" ] || fail "other logits, $activations"
done
run synth kimi-k2 --tiny --layers 2 --experts int4_g32 -o "$place/model" -q --no-ledger || fail synth
run convert -q --no-ledger "$place/model" "$place/model.gguf" || fail 'a model of several blocks a row'
run quantize -q --no-ledger "$place/model.gguf" "$place/f32.gguf" --to f32 --native-too || fail 'q4_0 to f32'
run quantize -q --no-ledger "$place/model" "$place/wide.gguf" --to f32 --native-too || fail 'int4 to f32'
[ "$(logits "$place/f32.gguf" --activations f32)" = "$(logits "$place/wide.gguf" --activations f32)" ] || fail 'other values'
[ "$(types "$place/wide.gguf" exps.)" = f32 ] || fail 'formats, --native-too --to f32'

# --- what rounds leaves them alone unless it is told otherwise
run quantize -q --no-ledger "$place/model" "$place/q3.gguf" --to q3_k || fail 'q3_k'
[ "$(types "$place/q3.gguf" exps.) $(types "$place/q3.gguf" ffn_gate.weight)" = 'q4_0 q3_k' ] || fail 'formats, --to'
run quantize -q --no-ledger "$place/model" "$place/bits.gguf" --bits 5.5 || fail '--bits'
[ "$(types "$place/bits.gguf" exps.)" = q4_0 ] || fail 'formats, --bits'
run quantize -q --no-ledger "$place/model" "$place/all.gguf" --to q3_k --native-too || fail '--native-too'
[ "$(types "$place/all.gguf" exps.)" = q3_k ] || fail 'formats, --native-too'

# --- a GGUF tells what its q4_0 came as, and so does what is made of it; q4_0 that was rounded here is nobody's own
note() { run inspect "$1" --json || fail "inspect $1"; python3 -c 'import json, sys; m = json.load(open(sys.argv[1]))["metadata"]; print(m.get("trill.native"), m.get("trill.source.native"))' "$place/out"; }
[ "$(note "$place/model.gguf")" = 'int4_g32 None' ] || fail 'a note of what experts came as'
run quantize -q --no-ledger "$place/model.gguf" "$place/again.gguf" --to q3_k || fail 'q3_k of a GGUF'
[ "$(types "$place/again.gguf" exps.) $(types "$place/again.gguf" ffn_gate.weight) $(note "$place/again.gguf")" = 'q4_0 q3_k int4_g32 int4_g32' ] || fail "a vendor's q4_0"
run quantize -q --no-ledger "$place/again.gguf" "$place/more.gguf" --bits 5 || fail 'once more'
[ "$(types "$place/more.gguf" exps.)" = q4_0 ] || fail "a vendor's q4_0, twice"
run quantize -q --no-ledger "$place/again.gguf" "$place/all.gguf" --to q3_k --native-too --force || fail '--native-too of a GGUF'
[ "$(types "$place/all.gguf" exps.) $(note "$place/all.gguf")" = 'q3_k None int4_g32' ] || fail 'formats, --native-too of a GGUF'
run quantize -q --no-ledger "$place/f32.gguf" "$place/rounded.gguf" --to q4_0 || fail 'rounded'
run quantize -q --no-ledger "$place/rounded.gguf" "$place/all.gguf" --to q3_k --force || fail 'rounded again'
[ "$(types "$place/all.gguf" exps.)" = q3_k ] || fail 'q4_0 that is not from a vendor'
run quantize -q --no-ledger "$golden/gpt_oss-mxfp4" "$place/oss.gguf" --to q8_0 || fail mxfp4
[ "$(types "$place/oss.gguf" exps.weight) $(types "$place/oss.gguf" attn_q.weight)" = 'mxfp4 q8_0' ] || fail 'formats of mxfp4'
run score "$place/model" --text "$golden/eval/text.txt" --window 64 --experts "$place/experts" --no-ledger -q || fail score
run prune "$place/model" "$place/half.gguf" --keep 0.5 --experts "$place/experts" --to q3_k --no-ledger -q || fail prune
[ "$(types "$place/half.gguf" exps.)" = q4_0 ] || fail 'formats, pruned'

# --- a scale that f16 does not hold
cp -r "$kimi" "$place/odd"
python3 - "$place/odd/model.safetensors" <<'EOF' || fail 'no scale to change'
import json, sys
data = bytearray(open(sys.argv[1], 'rb').read())
start = 8 + int.from_bytes(data[:8], 'little')
header = json.loads(data[8:start])
scales = header['model.layers.1.mlp.experts.5.up_proj.weight_scale']
assert scales['dtype'] == 'BF16'
at = start + scales['data_offsets'][0] + 2 * 7
data[at:at + 2] = (0x3081).to_bytes(2, 'little')
open(sys.argv[1], 'wb').write(data)
EOF
found=0
run convert -q --no-ledger "$place/odd" "$place/odd.gguf" || found=$?
[ $found = 2 ] && [ "$(wc -l <"$said")" = 1 ] || fail "exit code $found, expected 2 and one sentence"
grep -q 'model.layers.1.mlp.experts.5.up_proj.weight_scale, row 7: q4_0 cannot say a scale of int4_g32 exactly.*--native-too --to q8_0' "$said" ||
    fail 'the sentence'
[ ! -e "$place/odd.gguf" ] && [ ! -e "$place/odd.gguf.partial" ] || fail 'it was begun'
run quantize -q --no-ledger "$place/odd" "$place/odd.gguf" --native-too --to f32 || fail 'the way out'
[ "$(logits "$place/odd" --activations f32)" = "$(logits "$place/odd.gguf" --activations f32)" ] || fail 'other logits, the way out'

# --- fp8: where scales are powers of two its values are bf16's, tensor by tensor; else f32, which is said
fp8=$golden/deepseek_v3-fp8
cp -r "$fp8" "$place/powers"
python3 - "$place/powers/model.safetensors" <<'EOF' || fail 'no scales to change'
import json, math, struct, sys
data = bytearray(open(sys.argv[1], 'rb').read())
start = 8 + int.from_bytes(data[:8], 'little')
scales = [(name, t) for name, t in json.loads(data[8:start]).items() if name.endswith('_scale_inv')]
assert len(scales) > 8 and all(t['dtype'] == 'F32' for _, t in scales)
for name, t in scales:
    for at in range(start + t['data_offsets'][0], start + t['data_offsets'][1], 4):
        exponent = math.frexp(struct.unpack('<f', data[at:at + 4])[0])[1]
        data[at:at + 4] = struct.pack('<f', math.ldexp(1.1875 if name == 'model.layers.1.mlp.experts.3.up_proj.weight_scale_inv' else 1, exponent))
open(sys.argv[1], 'wb').write(data)
EOF
tokens() { run logits "$1" --tokens "$fp8/tokens.json" -o "$place/logits.npy" --kv f32 --json --activations "$2" || fail "logits of $1"; sed 's/.*"sha256":"\([0-9a-f]*\)".*/\1/' "$place/out"; }
run convert --json --no-ledger "$fp8" "$place/wide.gguf" --force || fail 'fp8'
grep -q '"warnings":\["f32 takes the place of fp8_b128 in [0-9]* of 52 tensors, [0-9.]* GB, as no smaller format of a GGUF has all of their values: --to bf16' "$place/out" || fail "nothing said: $(cat "$place/out")"
run convert --json --no-ledger "$fp8" "$place/wide.gguf" --to f32 --force || fail 'fp8 to f32'
grep -q '"warnings":\[\]' "$place/out" || fail 'what was asked for is told'
run convert --json --no-ledger "$place/powers" "$place/powers.gguf" || fail 'powers of two'
grep -q '"warnings":\["f32 takes the place of fp8_b128 in 2 of 52 tensors' "$place/out" || fail "not the gates and ups of one layer: $(cat "$place/out")"
bytes=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["bytes"])' "$place/out")
[ "$bytes" = "$(stat -c %s "$place/powers.gguf")" ] || fail 'bytes of the file'
[ "$(types "$place/powers.gguf" ffn_down_exps.) $(types "$place/powers.gguf" attn_output.) $(types "$place/powers.gguf" blk.1.ffn_up_exps.) $(types "$place/powers.gguf" blk.1.ffn_gate_exps.)" = 'bf16 bf16 f32 f32' ] || fail 'bf16'
[ "$(tokens "$place/powers" f32)" = "$(tokens "$place/powers.gguf" f32)" ] || fail 'other logits, bf16'
