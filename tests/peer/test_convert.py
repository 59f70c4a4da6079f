#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Files that trill converts are what others expect: llama.cpp says the same greedy text with a GGUF made from a folder, as it was and
quantised on the way, as trill does, and with one that has a layer for further tokens; transformers, where it is, loads a folder made
from a GGUF, of every architecture that it knows, makes the same tokens of the same texts and gives the logits that are stored for the model.

PEERS is the folder that bench/build-peers made; without both this is skipped (77)."""
import json, os, pathlib, subprocess, sys, tempfile

try:
    import numpy, torch, transformers
    transformers.utils.logging.disable_progress_bar()
except ImportError:
    transformers = None

ROOT = pathlib.Path(os.environ.get('TRILL_ROOT', pathlib.Path(__file__).resolve().parents[2]))
TRILL = os.environ.get('TRILL', str(ROOT / 'build/trill'))
CACHE = pathlib.Path(os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache') / 'trill'
MODELS = [path for path in (CACHE / 'smollm2-135m-instruct.gguf', CACHE / 'gemma-3-270m.gguf') if path.exists()]
PROGRAM = pathlib.Path(os.environ.get('PEERS', '/nowhere')) / 'llama.cpp/build/bin/llama-completion'
GOLDEN = ROOT / 'tests/golden'
PROMPT, TOKENS = 'The capital of France is', 16
OWN_CODE = ('bailing_moe', 'glm_dsa')            # transformers does not have the one; trill carries the other's indexer and does not run it


def trill(*words):
    return subprocess.run([TRILL, *map(str, words)], check=True, capture_output=True, text=True).stdout


def ours(model):
    return json.loads(trill('run', model, '--raw', '-p', PROMPT, '-n', TOKENS, '--temp', 0, '--json', '--no-ledger'))['text'].strip()


def theirs(model):
    command = [PROGRAM, '-m', model, '-p', PROMPT, '-n', str(TOKENS), '--temp', '0', '-no-cnv', '--no-display-prompt', '-t', '2']
    done = subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    return done.stdout.decode(errors='replace').replace('[end of text]', '').strip()


def in_llama(model, folder):
    """There and back, and to q8_0 on the way."""
    out, again, small = folder / model.stem, folder / 'again.gguf', folder / 'small.gguf'
    trill('convert', model, out, '--to', 'bf16', '-q')
    trill('convert', out, again, '-q', '--force')
    trill('quantize', out, small, '--to', 'q8_0', '-q', '--force', '--no-ledger')
    good = True
    for path in (again, small):
        a, b = ours(path), theirs(path)
        print(f'{model.stem} {path.stem}\n  trill     {a!r}\n  llama.cpp {b!r}')
        good = good and a == b and len(a) > 0
    return good


def with_layer_ahead(path, folder):
    out = folder / f'{path.name}.gguf'
    trill('convert', path, out, '-q')
    a, b = (text.replace('\0', '') for text in (ours(out), theirs(out)))
    print(f'ahead/{path.name}\n  trill     {a!r}\n  llama.cpp {b!r}')
    return a == b and len(a) > 0


def in_transformers(case, folder):
    out = folder / case
    trill('convert', GOLDEN / case / 'model.gguf', out, '-q')
    tokenizer = transformers.AutoTokenizer.from_pretrained(out)
    ids, texts = (json.loads((GOLDEN / case / name).read_text()) for name in ('tokens.json', 'texts.json'))
    pairs = [(text['text'], text['ids']) if isinstance(text, dict) else text for text in texts]
    wrong = sum(tokenizer(text, add_special_tokens=False)['input_ids'] != wanted for text, wanted in pairs)
    model = transformers.AutoModelForCausalLM.from_pretrained(out, attn_implementation='eager', dtype=torch.float32).eval()
    with torch.no_grad():
        found = model(input_ids=torch.tensor([ids])).logits[0].numpy()
    stored = numpy.load(GOLDEN / case / 'logits.npy')
    off = float(abs(found - stored).max() / stored.std())
    print(f'{case}: {off:.1e} of the standard deviation, {wrong} of {len(pairs)} texts with other tokens')
    return off < 1e-4 and wrong == 0


def main():
    good, some = True, False
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        for model in MODELS if PROGRAM.exists() else []:
            good, some = in_llama(model, folder) and good, True
        for path in sorted((GOLDEN / 'ahead').iterdir()) if PROGRAM.exists() else []:
            good, some = with_layer_ahead(path, folder) and good, True
        for path in sorted(GOLDEN.glob('*/model.gguf')) if transformers else []:
            case = path.parent.name
            if case not in OWN_CODE and (path.parent / 'texts.json').exists():
                good, some = in_transformers(case, folder) and good, True
    if not some:
        print(f'skipped: neither models with {PROGRAM} (PEERS) nor transformers are here')
    return 77 if not some else 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
