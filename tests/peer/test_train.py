#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A student that trill trained loads in llama.cpp and says the same greedily: with the words of a golden model and, where it is
fetched, of a real one; drawn by size and by geometry; in several formats; and one that learnt from another.

PEERS is the folder that bench/build-peers made; without it this is skipped (77)."""
import os, pathlib, subprocess, sys, tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import test_lora as other

GOLDEN = other.ROOT / 'tests/golden'
# A short text learnt by heart: what comes next is never a near thing between two tokens.
TEXT = 'The capital of France is where the river turns, and seven bridges lead to the old town.\n'
STUDENTS = [('--size 150k', 'f32'), ('--size 150k', 'f16'), ('--size 150k', 'bf16'), ('--size 150k', 'q8_0'), ('qwen3.json', 'f32'), ('gemma3.json', 'f32')]
CONFIGS = {
    'qwen3.json': '{"model_type": "qwen3", "num_hidden_layers": 2, "hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4, '
                  '"num_key_value_heads": 2, "head_dim": 32, "vocab_size": 1, "max_position_embeddings": 512, "rope_theta": 10000, '
                  '"rms_norm_eps": 1e-6, "tie_word_embeddings": true}',
    'gemma3.json': '{"model_type": "gemma3_text", "num_hidden_layers": 2, "hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 2, '
                   '"num_key_value_heads": 1, "head_dim": 64, "vocab_size": 1, "max_position_embeddings": 512, "rope_theta": 10000, '
                   '"rope_local_base_freq": 10000, "sliding_window": 64, "sliding_window_pattern": 2, "query_pre_attn_scalar": 64, '
                   '"rms_norm_eps": 1e-6, "tie_word_embeddings": true}'}


def train(folder, what, words, number):
    (folder / 'text').write_text(TEXT)
    model = folder / f'{number}.gguf'
    what = ['--size', what.split()[1]] if what.startswith('--') else [folder / what]
    subprocess.run([other.TRILL, 'train', *what, '--vocab', words, '--text', folder / 'text', '--tokens', '40k', '--window', '128', '--batch', '1',
                    '--rate', '0.005', '--held', '0', '--format', number, '--no-ledger', '--force', '-q', '-o', model], check=True)
    return model


def distill(folder, teacher):
    model = folder / 'distilled.gguf'
    subprocess.run([other.TRILL, 'distill', teacher, '150k', '--text', folder / 'text', '--tokens', '40k', '--window', '128', '--batch', '1', '--rate', '0.005',
                    '--held', '0', '--seed', '3', '--no-ledger', '-q', '-o', model], check=True)
    return model


def same(program, model, what, begins='where the river'):
    ours = other.trill(model, '--kv', 'f32')
    theirs = other.peer(program, model, '-ctk', 'f32', '-ctv', 'f32')
    print(f'{what}\n  trill     {ours!r}\n  llama.cpp {theirs!r}')
    return ours == theirs and ours.startswith(begins)


def main():
    program = pathlib.Path(os.environ.get('PEERS', '/nowhere')) / 'llama.cpp/build/bin/llama-completion'
    if not program.exists():
        print(f'skipped: {program} is not here (PEERS)')
        return 77
    good = True
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for file, text in CONFIGS.items():
            (folder / file).write_text(text)
        for what, number in STUDENTS:
            good = same(program, train(folder, what, GOLDEN / 'llama/model.gguf', number), f'{what} {number}') and good
        good = same(program, distill(folder, folder / 'f32.gguf'), 'distilled') and good
        if other.MODEL.exists():
            good = same(program, train(folder, '--size 150k', other.MODEL, 'f32'), f'--size 150k f32, words of {other.MODEL.name}') and good
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
