#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Files that trill quantises load in llama.cpp and say the same greedy text there; files that llama.cpp quantises, with an
importance matrix that is written here as llama.cpp writes it, load in trill; and trill reads that matrix and loses no more with it.

PEERS is the folder that bench/build-peers made; without it this is skipped (77)."""
import json, os, pathlib, struct, subprocess, sys, tempfile

ROOT = pathlib.Path(os.environ.get('TRILL_ROOT', pathlib.Path(__file__).resolve().parents[2]))
TRILL = os.environ.get('TRILL', str(ROOT / 'build/trill'))
CACHE = pathlib.Path(os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache') / 'trill'
MODEL = CACHE / 'smollm2-135m-instruct.gguf'
PROMPT, TOKENS = 'The capital of France is', 16


def trill(*words):
    done = subprocess.run([TRILL, *map(str, words)], check=True, capture_output=True, text=True)
    return json.loads(done.stdout) if '--json' in words else done.stdout


def ours(model):
    return trill('run', model, '--raw', '-p', PROMPT, '-n', TOKENS, '--temp', 0, '--json', '--no-ledger')['text'].strip()


def theirs(program, model):
    command = [program, '-m', model, '-p', PROMPT, '-n', str(TOKENS), '--temp', '0', '-no-cnv', '--no-display-prompt', '-t', '2']
    done = subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    return done.stdout.decode(errors='replace').replace('[end of text]', '').strip()


def read_moments(path):
    """{name: (sums, tokens)} of trill score --moments."""
    data = path.read_bytes()
    size, = struct.unpack('<Q', data[:8])
    head, found = json.loads(data[8:8 + size]), {}
    for name, what in head.items():
        if name != '__metadata__':
            start, end = what['data_offsets']
            letter = {'F32': 'f', 'F64': 'd', 'U64': 'Q'}[what['dtype']]
            found[name] = struct.unpack(f'<{(end - start) // struct.calcsize(letter)}{letter}', data[8 + size + start:8 + size + end])
    return {name: (sums, found[name + '.tokens'][0]) for name, sums in found.items() if name + '.tokens' in found}


def write_imatrix(path, moments):
    """The old form of llama.cpp's importance matrices: mean squares times calls."""
    calls, out = 8, struct.pack('<i', len(moments))
    for name, (sums, tokens) in moments.items():
        out += struct.pack('<i', len(name)) + name.encode() + struct.pack('<ii', calls, len(sums))
        out += struct.pack(f'<{len(sums)}f', *(value / max(tokens, 1) * calls for value in sums))
    path.write_bytes(out + struct.pack('<ii', calls, 8) + b'text.txt')


def written_here(program, folder):
    good = True
    for to in ('q8_0', 'q5_k', 'iq4_xs'):
        out = folder / f'{to}.gguf'
        trill('quantize', MODEL, out, '--to', to, '-q')
        a, b = ours(out), theirs(program, out)
        print(f'{to}\n  trill     {a!r}\n  llama.cpp {b!r}')
        good = good and a == b and len(a) > 0
    return good


def lost(model, reference, folder):
    return trill('eval', model, '--reference', reference, '--text', ROOT / 'tests/golden/eval/text.txt', '--window', 256, '--store', folder / 'store', '--json', '-q',
                 '--no-ledger')['models'][0]['kl']


def written_there(quantiser, folder):
    """Their q3_k (narrow rows get what it falls back to) with the matrix, beside ours of the same matrix."""
    moments, matrix, reference = folder / 'moments', folder / 'matrix.dat', folder / 'f32.gguf'
    trill('score', MODEL, '--text', ROOT / 'STYLE.md', '--window', 256, '--moments', moments, '--json', '-q', '--no-ledger')
    write_imatrix(matrix, read_moments(moments))
    trill('quantize', MODEL, reference, '--to', 'f32', '-q')
    there, here, again = folder / 'there.gguf', folder / 'here.gguf', folder / 'again.gguf'
    subprocess.run([quantiser, '--imatrix', matrix, '--pure', reference, there, 'IQ4_NL'], check=True, capture_output=True)
    trill('quantize', reference, here, '--to', 'iq4_nl', '--importance', matrix, '-q')
    trill('quantize', reference, again, '--to', 'iq4_nl', '--importance', moments, '-q')
    a, b, c = (lost(path, reference, folder) for path in (here, there, again))
    print(f'KL of iq4_nl: {a:.5f}, from the same sums in our own form {c:.5f}, of llama.cpp\'s file {b:.5f}')
    return ours(there) and a <= b * 1.05 and abs(a - c) < 0.1 * a


def main():
    peers = os.environ.get('PEERS')
    programs = [pathlib.Path(peers or '/nowhere') / 'llama.cpp/build/bin' / name for name in ('llama-completion', 'llama-quantize')]
    if not all(program.exists() for program in programs) or not MODEL.exists():
        print('there is no llama.cpp in PEERS, or the model is not fetched')
        return 77
    with tempfile.TemporaryDirectory() as folder:
        good = [written_here(programs[0], pathlib.Path(folder)), written_there(programs[1], pathlib.Path(folder))]
    return 0 if all(good) else 1


if __name__ == '__main__':
    sys.exit(main())
