#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every architecture and vendor's format from its published layout, with no option that says what it is: `run` answers,
`chat` goes two turns, and a GGUF of the same weights gives the same answer and the same ids."""
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(os.environ.get('TRILL_ROOT', pathlib.Path(__file__).resolve().parents[2]))
TRILL = os.environ.get('TRILL', ROOT / 'build/trill')
TEXT = "It's the date, 水 は <|im_end|> 42"


def trill(*words, text=''):
    done = subprocess.run([TRILL, *words], input=text.encode(), capture_output=True, timeout=120)
    if done.returncode != 0:
        sys.exit(f'trill {" ".join(map(str, words))}: exit code {done.returncode}: {done.stderr.decode(errors="replace")}')
    return done.stdout


def expect(true, sentence):
    if not true:
        sys.exit(sentence)


def check(folder):
    answer = trill('run', folder, '-p', TEXT, '-n', '12', '--temp', '0')
    expect(answer, f'{folder}: no answer')
    turns = trill('chat', folder, '-n', '5', '--temp', '0', text='the date\nand then\n')
    expect(turns.count(b"\n") >= 2, f'{folder}: chat answered {turns}')
    ids = trill('tokenize', folder, '-p', TEXT, '--json')
    back = trill('tokenize', folder, '--ids', '-', text=' '.join(line.split()[0] for line in trill('tokenize', folder, '-p', TEXT).decode().splitlines()))
    expect(back.decode().strip() == TEXT, f'{folder}: {TEXT} comes back as {back.decode(errors="replace")}')
    gguf = folder / 'model.gguf'
    if gguf.exists():
        other = trill('run', gguf, '-p', TEXT, '-n', '12', '--temp', '0')
        expect(other == answer, f'{gguf} answers {other}, the folder {answer}')
        expect(trill('tokenize', gguf, '-p', TEXT, '--json') == ids, f'{gguf} has other ids than the folder')
    return gguf.exists()


def main():
    folders = sorted(path.parent for path in (ROOT / 'tests/golden').glob('*/tokens.json'))
    pairs = sum(check(folder) for folder in folders)
    expect(len(folders) >= 19 and pairs >= 16, f'{len(folders)} models, {pairs} of them in both formats')


main()
