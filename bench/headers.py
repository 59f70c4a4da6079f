#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How long does it take to plan a sharded folder of a trillion parameters?

Makes a folder as Kimi K2 comes, with codes, scales and shapes of each expert as tensors of their own: 208,215 tensors in 61
files that have headers and no bytes (sparse), and times `trill plan FOLDER` on it. Prints the seconds of each run.

    bench/headers.py [--runs 5] [--folder FOLDER]
"""
import argparse
import json
import math
import os
import pathlib
import struct
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TRILL = os.environ.get('TRILL', str(ROOT / 'build/trill'))
BYTES = {'BF16': 2, 'F32': 4, 'I32': 4, 'I64': 8}
LAYERS, EXPERTS, WIDTH, FF, FF_DENSE, HEADS, RANK, VOCABULARY = 61, 384, 7168, 2048, 18432, 64, 512, 163840


def layer(n):
    at = f'model.layers.{n}.'
    yield from ((at + 'input_layernorm.weight', 'BF16', [WIDTH]), (at + 'post_attention_layernorm.weight', 'BF16', [WIDTH]))
    for name, shape in {'q_a_proj': [1536, WIDTH], 'q_a_layernorm': [1536], 'q_b_proj': [HEADS * 192, 1536], 'kv_a_proj_with_mqa': [RANK + 64, WIDTH],
                        'kv_a_layernorm': [RANK], 'kv_b_proj': [HEADS * 256, RANK], 'o_proj': [WIDTH, HEADS * 128]}.items():
        yield f'{at}self_attn.{name}.weight', 'BF16', shape
    ff = FF if n else FF_DENSE
    matrices = {'gate_proj': [ff, WIDTH], 'up_proj': [ff, WIDTH], 'down_proj': [WIDTH, ff]}
    for name, shape in matrices.items():
        yield f'{at}mlp.{"shared_experts." if n else ""}{name}.weight', 'BF16', shape
    if n:
        yield at + 'mlp.gate.weight', 'BF16', [EXPERTS, WIDTH]
        yield at + 'mlp.gate.e_score_correction_bias', 'F32', [EXPERTS]
    for expert in range(EXPERTS if n else 0):
        for name, (rows, cols) in matrices.items():
            stem = f'{at}mlp.experts.{expert}.{name}.weight_'
            yield from ((stem + 'packed', 'I32', [rows, cols // 8]), (stem + 'scale', 'BF16', [rows, cols // 32]), (stem + 'shape', 'I64', [2]))


def write_shard(path, tensors):
    header, offset = {}, 0
    for name, kind, shape in tensors:
        size = math.prod(shape) * BYTES[kind]
        header[name] = {'dtype': kind, 'shape': shape, 'data_offsets': [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(',', ':')).encode()
    with open(path, 'wb') as file:
        file.write(struct.pack('<Q', len(text)) + text)
        file.truncate(8 + len(text) + offset)


def configuration():
    rows = (ROOT / 'src/plan/geometries.def').read_text()
    row = rows[rows.index('GEOMETRY("kimi-k2"'):].split('\nGEOMETRY(')[0]
    return '{' + row[row.index('"model_type"'):].rstrip().rstrip(')') + '}'


def make(folder):
    index = {}
    for n in range(LAYERS):
        name = f'model-{n + 1:05d}-of-{LAYERS:05d}.safetensors'
        tensors = list(layer(n))
        if n == 0:
            tensors.append(('model.embed_tokens.weight', 'BF16', [VOCABULARY, WIDTH]))
        if n == LAYERS - 1:
            tensors += [('model.norm.weight', 'BF16', [WIDTH]), ('lm_head.weight', 'BF16', [VOCABULARY, WIDTH])]
        write_shard(folder / name, tensors)
        index.update({tensor[0]: name for tensor in tensors})
    (folder / 'model.safetensors.index.json').write_text(json.dumps({'weight_map': index}, indent=2))
    (folder / 'config.json').write_text(configuration())
    tiny = folder / 'tiny'
    subprocess.run([TRILL, 'synth', 'kimi-k2', '--tiny', '-q', '-o', tiny], check=True)
    for name in ('tokenizer.json', 'tokenizer_config.json', 'generation_config.json'):
        (tiny / name).rename(folder / name)
    return len(index)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--runs', type=int, default=5)
    parser.add_argument('--folder', help='where the files go; a temporary folder unless given')
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = pathlib.Path(name)
        print(f'{make(folder)} tensors')
        for _ in range(options.runs):
            begin = time.monotonic()
            subprocess.run([TRILL, 'plan', folder, '--ram', '24G', '--json'], stdout=subprocess.DEVNULL, check=True)
            print(f'{time.monotonic() - begin:.3f} s')


main()
