#!/bin/sh
# SPDX-License-Identifier: MIT
# The layer that predicts a further token, across kinds of files: the same tensors come back under their vendor's names, and it drafts the
# same tokens, of which as many are accepted. What such a layer has that trill does not know leaves it out, in one sentence; prune drops it.

set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
golden=$TRILL_ROOT/tests/golden
said=$place/said
fail() { echo "$0: $*: $(cat "$said")" >&2; exit 1; }
run() { "$TRILL" "$@" >"$place/out" 2>"$said"; }
convert() { run convert -q --no-ledger --force "$@" || fail "convert $*"; }
drafts() {                                      # the text, and how many tokens were drafted, accepted, in how many steps
    run run "$1" --raw -p 'the weight that is read' -n 60 --temp 0.5 --seed 3 --draft heads,always --no-ledger --json || fail "drafts of $1"
    python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); assert d["accepted_tokens"] > 0; print([d[key] for key in sys.argv[2:]])' "$place/out" \
        text drafted_tokens accepted_tokens decode_steps || fail "nothing was accepted: $1"
}
of_file() {                                     # what an expression says of a GGUF: names of its tensors, metadata m
    run inspect "$1" --json || fail "inspect $1"
    python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); print(eval(sys.argv[2], {"names": [t["name"] for t in d["tensors"]], "m": d["metadata"]}))' \
        "$place/out" "$2"
}
cat >"$place/edit.py" <<'EOF'
# edit.py FILE tame | rename FROM TO | copy FROM TO | same OTHER: what a test changes in safetensors of f32, and whether two hold the same.
# tame: layers hardly change their input, so that tokens are easy to predict
import array, json, math, sys


def load(path):
    data = open(path, 'rb').read()
    start = 8 + int.from_bytes(data[:8], 'little')
    header = json.loads(data[8:start])
    return {name: (one['dtype'], one['shape'], data[start + one['data_offsets'][0]:start + one['data_offsets'][1]])
            for name, one in header.items() if name != '__metadata__'}


def save(path, tensors):
    header, at = {}, 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {'dtype': dtype, 'shape': shape, 'data_offsets': [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    open(path, 'wb').write(len(text).to_bytes(8, 'little') + text + b''.join(data for _, _, data in tensors.values()))


def tame(name, dtype, shape, data):
    values = array.array('f', data)
    join = name.endswith(('eh_proj.weight', 'mtp.fc.weight'))
    if join or any(word in name for word in ('o_proj', 'out_proj', 'down_proj')):
        values = array.array('f', (0.1 * value for value in values))
    for i in range(shape[0] if join else 0):
        values[i * shape[1] + i] += 1
    return dtype, shape, values.tobytes()


def near(a, b):                                  # norms less one and logarithms are rounded on the way
    return a[:2] == b[:2] and (a[2] == b[2] or (len(a[1]) == 1 and all(math.isclose(x, y, rel_tol=1e-5, abs_tol=1e-6)
                                                                      for x, y in zip(array.array('f', a[2]), array.array('f', b[2])))))


path, what, *names = sys.argv[1:]
tensors = load(path)
if what == 'tame':
    save(path, {name: tame(name, *one) for name, one in tensors.items()})
elif what == 'same':
    other = load(names[0])
    assert tensors.keys() == other.keys(), tensors.keys() ^ other.keys()
    wrong = [name for name in tensors if not near(tensors[name], other[name])]
    assert not wrong, wrong
else:
    tensors[names[1]] = tensors.pop(names[0]) if what == 'rename' else tensors[names[0]]
    save(path, tensors)
EOF
edit() { python3 "$place/edit.py" "$@" 2>"$said" || fail "edit $*"; }

# --- there and back, of families that have it; the names of llama.cpp's converter
for model in glm4_moe deepseek_v3 qwen3_next; do
    cp -r "$golden/ahead/$model" "$place/$model"
    edit "$place/$model/model.safetensors" tame
    convert "$place/$model" "$place/$model.gguf"
    [ ! -s "$said" ] || fail "$model: something was left out"
    [ "$(of_file "$place/$model.gguf" 'sorted(n.split(".", 2)[2] for n in names if "nextn" in n)')" = \
        "['nextn.eh_proj.weight', 'nextn.enorm.weight', 'nextn.hnorm.weight', 'nextn.shared_head_norm.weight']" ] || fail "$model: names"
    layers=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["num_hidden_layers"])' "$place/$model/config.json")
    [ "$(of_file "$place/$model.gguf" 'next(m[k] for k in m if "block_count" in k), next(m[k] for k in m if "nextn_predict_layers" in k)')" = "($((layers + 1)), 1)" ] ||
        fail "$model: metadata"
    convert "$place/$model.gguf" "$place/back"
    edit "$place/$model/model.safetensors" same "$place/back/model.safetensors"
    of_source=$(drafts "$place/$model")
    [ "$of_source" = "$(drafts "$place/$model.gguf")" ] || fail "$model: other drafts"
    [ "$of_source" = "$(drafts "$place/back")" ] || fail "$model: other drafts, back"
    rm -r "$place/back"
done

# --- what its vendor keeps twice, or not at all
glm=$place/glm4_moe
edit "$glm/model.safetensors" copy lm_head.weight model.layers.2.shared_head.head.weight
convert "$glm" "$place/glm.gguf"
grep -q "in place of the model's embedding and head is left out: model.layers.2.shared_head.head.weight" "$said" || fail 'a second head'
[ "$(of_file "$place/glm.gguf" 'sum("nextn" in n for n in names)')" = 4 ] || fail 'the layer beside a second head'
edit "$glm/model.safetensors" rename model.layers.2.shared_head.norm.weight model.layers.2.shared_head.head.weight
convert "$glm" "$place/glm.gguf"
[ "$(of_file "$place/glm.gguf" 'sum("nextn" in n for n in names), "blk.2.attn_q.weight" in names')" = '(3, True)' ] || fail 'no norm of its own'
drafts "$place/glm.gguf" >"$place/drafts"

# --- pruned, it is gone; what it has that nobody knows leaves it out
run score "$glm" --text "$golden/eval/text.txt" --window 64 --experts "$place/experts" --no-ledger -q || fail score
run prune "$glm" "$place/pruned.gguf" --keep 0.5 --experts "$place/experts" --no-ledger -q || fail prune
[ "$(of_file "$place/pruned.gguf" 'any("blk.2" in n for n in names), any("nextn" in k for k in m), m["glm4moe.block_count"]')" = '(False, False, 2)' ] || fail pruned
edit "$glm/model.safetensors" rename model.layers.2.shared_head.head.weight model.layers.2.final_layernorm.weight
convert "$glm" "$place/glm.gguf"
[ "$(wc -l <"$said")" = 1 ] || fail 'not one sentence'
grep -q 'the layer that predicts a further token is left out: model.layers.2' "$said" || fail 'a layer that is not known whole'
[ "$(of_file "$place/glm.gguf" 'any("blk.2" in n for n in names), any("nextn" in k for k in m), m["glm4moe.block_count"]')" = '(False, False, 2)' ] || fail 'left out'

# --- a tower of more layers than the model has is none of its layers
edit "$glm/model.safetensors" copy model.layers.1.input_layernorm.weight audio_tower.layers.2.input_layernorm.weight
found=0
run convert -q --no-ledger --force "$glm" "$place/glm.gguf" || found=$?
[ $found = 2 ] && grep -q 'tensor audio_tower.layers.2.input_layernorm.weight is none that a model of the architecture' "$said" || fail 'a tensor that nobody knows'

# --- Ling's norm behind the layer has a name of its own
mkdir "$place/ling"
sed 's/^{/{"num_nextn_predict_layers": 1,/' "$golden/bailing_moe/config.json" >"$place/ling/config.json"
run synth "$place/ling/config.json" --ahead --to f32 -o "$place/ling-synth" -q --no-ledger || fail synth
convert "$place/ling-synth" "$place/ling.gguf"
[ "$(of_file "$place/ling.gguf" '[n for n in names if "layer_output_norm" in n], any("head_norm" in n for n in names)')" = "(['blk.2.layer_output_norm.weight'], False)" ] ||
    fail "Ling's norm"
convert "$place/ling.gguf" "$place/back"
edit "$place/ling-synth/model.safetensors" same "$place/back/model.safetensors"
