#!/bin/sh
# SPDX-License-Identifier: MIT
# trill convert on small models of every architecture: safetensors to GGUF and back to the same logits, and to the tokens of the same
# texts; formats that stay and formats that are decoded; what is refused, in one sentence each; a run that is killed goes on; a disk
# with too little room. trill quantize across kinds.

set -eu
disk_size=48k goes_on=yes
# shellcheck source=small_disk.sh
. "$(dirname "$0")/small_disk.sh"
golden=$TRILL_ROOT/tests/golden
convert() { "$TRILL" convert -q --no-ledger "$@" 2>"$said"; }
member() { python3 -c 'import json, sys; print(eval("d" + sys.argv[2], {"d": json.load(open(sys.argv[1]))}))' "$1" "$2"; }
logits() { "$TRILL" logits "$1" --tokens "$golden/$2/tokens.json" -o "$place/logits.npy" --kv f32 --activations f32 --json 2>"$said" >"$place/logits.json" ||
    fail "logits of $1"; sed 's/.*"sha256":"\([0-9a-f]*\)".*/\1/' "$place/logits.json"; }
text() { "$TRILL" run "$1" --raw -p 'the weight that is read' -n 12 --temp 0 --no-ledger -q 2>"$said" | od -An -tx1 || fail "a text of $1"; }
refused() {                                     # CODE, WORDS of the sentence, arguments
    code=$1 words=$2; shift 2
    found=0
    convert "$@" >"$place/out" || found=$?
    [ $found = "$code" ] || fail "exit code $found, expected $code: $*"
    [ "$(wc -l <"$said")" = 1 ] || fail "not one sentence: $*"
    grep -q -- "$words" "$said" || fail "the sentence has no \"$words\""
    [ ! -s "$place/out" ] || fail "something on standard output: $*"
}

# --- there and back. The GGUF is beside one of llama.cpp's converter where sums have other last bits: rows of llama that turn lie in
# another order there, and rates of decay, which are logarithms in one kind alone, are rounded on the way
for model in llama llama-yarn llama-linear llama-bf16 llama-f16 qwen2 qwen3 qwen3_moe gemma3 gpt_oss gpt_oss-mxfp4 deepseek_v3 deepseek_v3-fp8 \
    kimi_k2 kimi_k2-int4 glm4_moe glm_dsa minimax_m2 bailing_moe mistral4 qwen3_next qwen3_5 qwen3_5_moe; do
    convert "$golden/$model" "$place/$model.gguf" || fail "$model"
    case $model in
    llama* | qwen3_5*) [ "$(logits "$golden/$model/model.gguf" "$model")" = "$(logits "$place/$model.gguf" "$model")" ] || fail "$model: not as llama.cpp's" ;;
    qwen3_next) [ "$(text "$golden/$model")" = "$(text "$place/$model.gguf")" ] || fail "$model: another text" ;;
    *) [ "$(logits "$golden/$model" "$model")" = "$(logits "$place/$model.gguf" "$model")" ] || fail "$model: other logits" ;;
    esac
    convert "$place/$model.gguf" "$place/$model" || fail "$model: back"
    case $model in
    qwen3_next | qwen3_5*) [ "$(text "$golden/$model")" = "$(text "$place/$model")" ] || fail "$model: another text, back" ;;
    *) [ "$(logits "$golden/$model" "$model")" = "$(logits "$place/$model" "$model")" ] || fail "$model: other logits, back" ;;
    esac
done

# --- formats: what a GGUF holds stays, what it does not is decoded; a GGUF's blocks become f32, or what is asked for
type_of() { "$TRILL" inspect "$1" --json >"$place/inspect.json"; member "$place/inspect.json" "[\"tensors\"] and [t[\"type\"] for t in d[\"tensors\"] if t[\"name\"] == \"$2\"][0]"; }
[ "$(type_of "$place/gpt_oss-mxfp4.gguf" blk.0.ffn_up_exps.weight)" = mxfp4 ] || fail 'mxfp4'
[ "$(type_of "$place/gpt_oss-mxfp4" model.layers.0.mlp.experts.gate_up_proj_blocks)" = u8 ] || fail 'codes of mxfp4'
[ "$(type_of "$place/llama-bf16.gguf" blk.0.attn_q.weight)" = bf16 ] || fail 'bf16'
"$TRILL" quantize -q "$golden/llama" "$place/q8.gguf" --to q8_0 --no-ledger 2>"$said" || fail 'quantize across kinds'
"$TRILL" quantize -q "$golden/llama/model.gguf" "$place/q8-same.gguf" --to q8_0 --no-ledger 2>"$said" || fail 'quantize'
[ "$(logits "$place/q8.gguf" llama)" = "$(logits "$place/q8-same.gguf" llama)" ] || fail 'the other way to q8_0'
convert "$place/q8.gguf" "$place/decoded" || fail 'blocks'
convert "$place/q8.gguf" "$place/narrow" --to bf16 || fail 'blocks to bf16'
[ "$(type_of "$place/decoded" lm_head.weight)$(type_of "$place/narrow" lm_head.weight)" = f32bf16 ] || fail 'formats of safetensors'
grep -q '"dtype":"bfloat16"' "$place/narrow/config.json" || fail 'dtype'
for model in deepseek_v3-fp8 kimi_k2-int4; do
    convert "$golden/$model" "$place/told.gguf" --force --json >"$place/told" || fail "$model, --json"
    [ "$(member "$place/told" '["source_bytes"] * 0.9 < d["read_bytes"] <= d["source_bytes"]')" = True ] || fail "$model: bytes that were read: $(cat "$place/told")"
done
convert "$golden/qwen2" "$place/joined" || fail 'shards to one file'
[ "$(logits "$place/joined" qwen2)" = "$(logits "$golden/qwen2" qwen2)" ] || fail 'joined'

# --- what is carried and not run: the indexer of GLM 5, with the context that it is for, as llama.cpp's converter writes it
facts() { "$TRILL" inspect "$1" --json >"$place/inspect.json"; python3 - "$place/inspect.json" <<'END'
import json, sys
d = json.load(open(sys.argv[1]))
print([(t['name'], t['type'], t['shape']) for t in sorted(d['tensors'], key=lambda t: t['name'])])
print({k: d['metadata'][k] for k in sorted(d['metadata']) if 'indexer' in k or 'context_length' in k})
END
}
[ "$(facts "$golden/glm_dsa/model.gguf")" = "$(facts "$place/glm_dsa.gguf")" ] || fail "the indexer: $(facts "$place/glm_dsa.gguf")"
[ "$(facts "$golden/glm_dsa" | head -1)" = "$(facts "$place/glm_dsa" | head -1)" ] || fail 'the indexer, back'
[ "$(member "$place/glm_dsa/config.json" '["max_position_embeddings"], d["index_topk"], d["index_n_heads"], d["index_head_dim"], d["indexer_types"]')" = \
    "(256, 70, 2, 16, ['full', 'full', 'full'])" ] || fail 'config.json with an indexer'

# --- tokens of the same texts, the template, the ends
for model in llama gemma3 gpt_oss kimi_k2; do
    python3 -c 'import json, sys; print("\n".join(t["text"] if isinstance(t, dict) else t for t in json.load(open(sys.argv[1]))))' "$golden/$model/texts.json" \
        >"$place/text" 2>"$said" || fail 'texts'
    for form in '' .gguf; do
        "$TRILL" tokenize "$golden/$model" -f "$place/text" --bos --json >"$place/ids"
        "$TRILL" tokenize "$place/$model$form" -f "$place/text" --bos --json | cmp - "$place/ids" || fail "$model$form: other tokens"
    done
done
cmp "$golden/llama/chat_template.jinja" "$place/llama/chat_template.jinja" || fail 'the template'
[ "$(member "$place/llama/generation_config.json" '["eos_token_id"][0]')" = 2 ] || fail 'EOS'

# --- what is refused, before anything is written
cp -r "$golden/glm_dsa" "$place/unknown"
LC_ALL=C sed -i 's/layers\.1\.self_attn\.indexer\.wk/layers.1.self_attn.indexer.wx/' "$place/unknown/model.safetensors"
refused 2 'indexer.wx.weight is none that a model of the architecture glm-dsa is known to have' "$place/unknown" "$place/new.gguf"
refused 2 'is there already' "$golden/llama" "$place/llama.gguf"
refused 2 'the model itself' "$golden/llama" "$golden/llama" --force
refused 2 'the model itself' "$golden/llama/model.gguf" "$golden/llama/model.gguf" --force
refused 2 'safetensors stores no q4_0' "$place/q8.gguf" "$place/new" --to q4_0
cp -r "$golden/qwen3" "$place/odd"
sed -i 's/"model_type": "qwen3"/"model_type": "unheard"/' "$place/odd/config.json"
refused 3 'architecture "unheard" is not supported' "$place/odd" "$place/new.gguf"
cp "$golden/qwen3/config.json" "$place/odd/config.json"
sed -i 's/(?i:/(?i:xyz|/' "$place/odd/tokenizer.json"
refused 2 'cuts text as no pre-tokenizer' "$place/odd" "$place/new.gguf"
cp "$golden/qwen3/tokenizer.json" "$place/odd/tokenizer.json"
cp -r "$golden/gpt_oss" "$place/windows"
sed -i '0,/"sliding_attention"/s//"full_attention"/' "$place/windows/config.json"
refused 2 'cannot say what layer 0 is: its window' "$place/windows" "$place/new.gguf"
rm "$place/odd/tokenizer.json"
refused 3 'tokenizer' "$place/odd" "$place/new.gguf"
[ ! -e "$place/new.gguf" ] && [ ! -e "$place/new.gguf.partial" ] && [ ! -e "$place/new" ] || fail 'something is left of what was refused'
if [ "$disk" ]; then
    refused 1 'are needed, and .* are free there' "$golden/llama" "$disk/llama.gguf"
    [ ! -e "$disk/llama.gguf" ] && [ ! -s "$disk/llama.gguf.partial" ] || fail 'something was written'
fi

# --- killed
"$TRILL" synth qwen3-30b-a3b --tiny --layers 1 --to f32 -o "$place/model" -q --no-ledger
convert "$place/model" "$place/good.gguf" || fail 'to be killed'
"$TRILL" convert "$place/model" "$place/killed.gguf" -q 2>"$said" &
job=$!
while kill -0 $job 2>/dev/null && [ "$(stat -c %s "$place/killed.gguf.partial" 2>/dev/null || echo 0)" -lt 100000 ]; do :; done
kill -9 $job 2>/dev/null || true
wait $job 2>/dev/null || true
[ -e "$place/killed.gguf" ] || convert "$place/model" "$place/killed.gguf" || fail 'going on'
cmp "$place/good.gguf" "$place/killed.gguf" || fail 'other bytes after a kill'
