#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The same greedy text as llama.cpp with the same GGUF adapter: of the golden models with PEFT's adapters, and of a fetched
model with one that is drawn here for every attention and feed-forward matrix, strong enough to change its answer. Then the
same text of the model that trill merged it into, and the same again with an adapter that trill trains; PEFT's logits of one.

PEERS is the folder that bench/build-peers made; without it this is skipped (77)."""
import json, os, pathlib, random, struct, subprocess, sys, tempfile

ROOT = pathlib.Path(os.environ.get('TRILL_ROOT', pathlib.Path(__file__).resolve().parents[2]))
TRILL = os.environ.get('TRILL', str(ROOT / 'build/trill'))
CACHE = pathlib.Path(os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache') / 'trill'
MODEL = CACHE / 'smollm2-135m-instruct.gguf'
PROMPT, TOKENS, RANK, ALPHA = 'The capital of France is', 24, 4, 8.0
TARGETS = ('attn_q', 'attn_k', 'attn_v', 'attn_output', 'ffn_gate', 'ffn_up', 'ffn_down')


def text_of(text):
    data = text.encode()
    return struct.pack('<Q', len(data)) + data


def write_adapter(path, shapes, strength):
    """GGUF v3 of float32 pairs; a tensor's dimensions are innermost first."""
    keys = [('general.architecture', 8, text_of('llama')), ('general.type', 8, text_of('adapter')), ('adapter.type', 8, text_of('lora')),
            ('adapter.lora.alpha', 6, struct.pack('<f', ALPHA))]
    drawn, tensors, data = random.Random(5), b'', b''
    for name, (rows, cols) in shapes:
        for letter, dims, scale in (('a', (cols, RANK), cols ** -0.5), ('b', (RANK, rows), strength)):
            tensors += text_of(f'{name}.lora_{letter}') + struct.pack('<IQQIQ', 2, *dims, 0, len(data))
            data += struct.pack(f'<{dims[0] * dims[1]}f', *(drawn.gauss(0, scale) for _ in range(dims[0] * dims[1])))
            data += bytes(-len(data) % 32)
    head = b'GGUF' + struct.pack('<IQQ', 3, 2 * len(shapes), len(keys))
    head += b''.join(text_of(key) + struct.pack('<I', kind) + value for key, kind, value in keys) + tensors
    path.write_bytes(head + bytes(-len(head) % 32) + data)


def trill(model, *more):
    command = [TRILL, 'run', model, '--raw', '-p', PROMPT, '-n', str(TOKENS), '--temp', '0', '--json', '--no-ledger', *more]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)['text'].strip()


def peer(program, model, *more):
    """llama-completion writes from a thread of its own and now and then ends before it is done: the longest of some runs is whole."""
    command = [program, '-m', model, '-p', PROMPT, '-n', str(TOKENS), '--temp', '0', '-no-cnv', '--no-display-prompt', '-t', '2', *more]
    runs = [subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL).stdout for _ in range(3)]
    return max(runs, key=len).decode(errors='replace').replace('[end of text]', '').strip()


def same(program, model, adapter, *more):
    plain, ours = trill(model), trill(model, '--lora', adapter)
    theirs = peer(program, model, '--lora', adapter, *more)
    print(f'{model}\n  plain     {plain!r}\n  adapted   {ours!r}\n  llama.cpp {theirs!r}')
    return ours != plain and ours == theirs


def merges(adapter, folder):
    merged = pathlib.Path(folder) / 'merged.gguf'
    subprocess.run([TRILL, 'merge', MODEL, '--lora', adapter, '--to', 'f32', '-o', merged, '-q'], check=True)
    exact, kept = trill(MODEL, '--lora', adapter, '--activations', 'f32'), trill(merged, '--activations', 'f32')
    print(f'  exact     {exact!r}\n  merged    {kept!r}')
    return exact == kept


def trained(folder):
    """An adapter that trill trains in a few steps, strong enough to change the answer."""
    adapter = pathlib.Path(folder) / 'trained.gguf'
    subprocess.run([TRILL, 'train', MODEL, '--lora-rank', '4', '--text', ROOT / 'docs', '--tokens', '3000', '--window', '128', '--batch', '2', '--rate', '2e-3',
                    '--held', '0', '-o', adapter, '-q', '--no-ledger'], check=True)
    return adapter


def in_peft(folder):
    """Logits of an adapter that trill trains for a folder, by PEFT; True where PEFT is not here."""
    try:
        import numpy, torch, transformers
        from peft import PeftModel
    except ImportError:
        print('PEFT is not here')
        return True
    base, text, adapter = ROOT / 'tests/golden/llama', pathlib.Path(folder) / 'words.txt', pathlib.Path(folder) / 'peft'
    text.write_text('the weight that is read is the weight that is used\n' * 20)
    subprocess.run([TRILL, 'train', base, '--lora-rank', '4', '--text', text, '--tokens', '1000', '--window', '32', '--batch', '4', '--rate', '1e-2', '--held', '0',
                    '-o', adapter, '-q', '--no-ledger'], check=True)
    ids = json.loads((base / 'tokens.json').read_text())
    out = pathlib.Path(folder) / 'logits.npy'
    subprocess.run([TRILL, 'logits', base, '--tokens', base / 'tokens.json', '--lora', adapter, '--activations', 'f32', '-o', out, '-q', '--no-ledger'], check=True,
                   stdout=subprocess.DEVNULL)
    plain = transformers.AutoModelForCausalLM.from_pretrained(base, attn_implementation='eager', dtype=torch.float32).eval()
    with torch.no_grad():
        before = plain(input_ids=torch.tensor([ids])).logits[0].numpy()
        theirs = PeftModel.from_pretrained(plain, adapter).eval()(input_ids=torch.tensor([ids])).logits[0].numpy()
    worst, moved = (abs(theirs - numpy.load(out)).max() / theirs.std() for theirs in (theirs, before))
    print(f'PEFT: {worst:.2e} of the standard deviation, without the adapter {moved:.2e}')
    return worst < 1e-4 < moved


def main():
    program = pathlib.Path(os.environ.get('PEERS', '/nowhere')) / 'llama.cpp/build/bin/llama-completion'
    golden = ROOT / 'tests/golden'
    if not program.exists():
        print(f'skipped: {program} is not here (PEERS)')
        return 77
    good = all([same(program, golden / case / 'model.gguf', golden / f'adapters/{case}-all/adapter.gguf', '-ctk', 'f32', '-ctv', 'f32')
                for case in ('llama', 'qwen3')])
    if MODEL.exists():
        inside = json.loads(subprocess.run([TRILL, 'inspect', MODEL, '--json'], check=True, capture_output=True, text=True).stdout)
        shapes = [(t['name'], t['shape']) for t in inside['tensors'] if t['name'].split('.')[-2] in TARGETS]
        with tempfile.TemporaryDirectory() as folder:
            adapter = pathlib.Path(folder) / 'adapter.gguf'
            write_adapter(adapter, shapes, 0.05)
            good = same(program, MODEL, adapter) and merges(adapter, folder) and good
            good = same(program, MODEL, trained(folder)) and in_peft(folder) and good
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
