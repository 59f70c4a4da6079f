#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A mixture of experts that learnt a text, pruned to half of its experts and quantised, loads in llama.cpp and says the same
greedily as here; so does one that is only quantised. One whose layers have different numbers of experts is refused there.

PEERS is the folder that bench/build-peers made; without it this is skipped (77)."""
import json, os, pathlib, subprocess, sys, tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import test_lora as other
import test_train as students

CONFIG = ('{"model_type": "qwen3_moe", "num_hidden_layers": 2, "hidden_size": 64, "intermediate_size": 128, "moe_intermediate_size": 64, '
          '"num_experts": 8, "num_experts_per_tok": 2, "norm_topk_prob": true, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, '
          '"vocab_size": 1, "max_position_embeddings": 512, "rope_theta": 10000, "rms_norm_eps": 1e-6, "tie_word_embeddings": true, '
          '"decoder_sparse_step": 1, "mlp_only_layers": []}')


def trill(*words):
    subprocess.run([other.TRILL, *words, '-q'], check=True, stdout=subprocess.DEVNULL)


def refused(program, folder, whole, statistics):
    """Some share leaves the two layers different numbers."""
    for keep in '0.45', '0.55', '0.7', '0.8', '0.95':
        out = folder / f'uneven-{keep}.gguf'
        report = json.loads(subprocess.run([other.TRILL, 'prune', whole, out, '--keep', keep, '--experts', statistics, '--uneven', '--json', '-q'],
                                           stdout=subprocess.PIPE, check=True).stdout)
        if report['least_kept'] < report['most_kept']:
            said = subprocess.run([program, '-m', out, '-p', 'x', '-n', '2', '-no-cnv'], stdin=subprocess.DEVNULL, capture_output=True, text=True)
            print(f'uneven: exit {said.returncode}')
            return said.returncode == 1 and 'qwen3moe.expert_count has wrong type' in said.stderr + said.stdout
    return False


def main():
    program = pathlib.Path(os.environ.get('PEERS', '/nowhere')) / 'llama.cpp/build/bin/llama-completion'
    if not program.exists():
        print(f'skipped: {program} is not here (PEERS)')
        return 77
    good = True
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / 'qwen3moe.json').write_text(CONFIG)
        whole = students.train(folder, 'qwen3moe.json', students.GOLDEN / 'llama/model.gguf', 'f32')
        statistics, half, small, both = folder / 'experts', folder / 'half.gguf', folder / 'small.gguf', folder / 'both.gguf'
        trill('score', whole, '--text', folder / 'text', '--experts', statistics)
        trill('prune', whole, half, '--keep', '0.5', '--experts', statistics)
        trill('quantize', whole, small, '--to', 'q8_0')
        trill('quantize', half, folder / 'then.gguf', '--to', 'q8_0')
        trill('prune', whole, both, '--keep', '0.5', '--experts', statistics, '--to', 'q8_0')
        for model in whole, small, half, both:
            good = students.same(program, model, model.name, begins='where') and good
        # In one pass or in two: the same weights.
        sums = [subprocess.run([other.TRILL, 'logits', m, '--tokens', '/dev/stdin', '-o', folder / 'l.npy', '--json'], input='1 2 3 4 5 6 7', text=True,
                               stdout=subprocess.PIPE, check=True).stdout for m in (both, folder / 'then.gguf')]
        good = good and sums[0] == sums[1] and refused(program, folder, whole, statistics)
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
