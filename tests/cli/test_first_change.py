#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/first-change.md, followed to the letter on a copy of the tree: each of its changes touches one table and adds one
file, and afterwards all of them work. Compiles most of the program, hence not under TRILL_FAST."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(os.environ.get('TRILL_ROOT', pathlib.Path(__file__).resolve().parents[2]))
TESTS = ['unit_cli_tables', 'unit_model_arch', 'unit_number_number', 'unit_number_panel', 'kernel_product', 'kernel_vector']
CHANGES = [('src/cli/count.c', 'src/cli/commands.def'), ('src/number/q2_0.c', 'src/number/numbers.def'),
           ('src/model/arch/toy.c', 'src/model/archs.def'), ('src/kernel/toy/level.c', 'src/kernel/isa.def')]


def run(words, folder, **more):
    done = subprocess.run([str(word) for word in words], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    if done.returncode != 0:
        sys.exit(f'{" ".join(str(word) for word in words)}: exit code {done.returncode}\n{done.stdout[-6000:]}')
    return done.stdout


def expect(true, sentence):
    if not true:
        sys.exit(sentence)


def git(copy, *words):
    return run(['git', '-c', 'user.name=first change', '-c', 'user.email=first@change', '-c', 'commit.gpgsign=false', *words], copy)


def copy_tree(copy):
    """What git knows or would add, as it lies there, as the first commit of a repository of its own."""
    names = run(['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'], ROOT).split('\0')
    for name in names:
        source = ROOT / name
        if name and source.is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy / name)
    git(copy, 'init', '-q')
    git(copy, 'add', '-A')
    git(copy, 'commit', '-q', '-m', 'before')


def apply_change(copy, blocks, new, table):
    expect(new in blocks and table in blocks, f'docs/first-change.md has no block for {new} or {table}')
    expect(blocks[new][0] == 'a new file' and blocks[table][0] == 'one more row', f'{new} is new and {table} gets a row')
    expect(blocks[table][1].count('\n') == 1, f'{table} gets one row')
    (copy / new).parent.mkdir(parents=True, exist_ok=True)
    (copy / new).write_text(blocks[new][1])
    with open(copy / table, 'a') as file:
        file.write(blocks[table][1])
    touched = sorted(git(copy, 'status', '--porcelain', '--untracked-files=all').splitlines())
    expect(touched == sorted([f' M {table}', f'?? {new}']), f'touched: {touched}')
    git(copy, 'add', '-A')
    git(copy, 'commit', '-q', '-m', new)


def build(copy):
    environment = dict(os.environ, TARGETS=' '.join(['trill'] + [f'tests/{name}' for name in TESTS]))
    if shutil.which('clang'):
        environment['CC'] = 'clang'              # in half the time
    run(['tool/build', 'build', '--buildtype=plain', '-Doptimization=0', '-Ddebug=false'], copy, env=environment)


def sha256(copy, model, *options):
    tokens = ROOT / 'tests/golden/llama/tokens.json'
    words = [copy / 'build/trill', 'logits', model, '--tokens', tokens, '-o', copy / 'out.npy', '--json', *options]
    return json.loads(run(words, copy))['sha256']


def check(copy):
    trill = copy / 'build/trill'
    llama, toy = ROOT / 'tests/golden/llama', copy / 'toy'
    counted = run([trill, 'count', llama / 'model.gguf', '-p', 'Hello'], copy)
    ids = json.loads(run([trill, 'tokenize', llama / 'model.gguf', '-p', 'Hello', '--json'], copy))['ids']
    expect(counted == f'{len(ids)}\n', f'trill count says {counted}, expected {len(ids)}')
    expect('the text' in run([trill, 'help', 'count'], copy), 'the help does not know count')
    expect('trill count MODEL' in run([trill, 'man'], copy), 'the manual does not know count')
    environment = dict(os.environ, TRILL_ROOT=str(copy), TRILL_TESTS=str(copy / 'tests'), TRILL_FAST='1')
    for name in TESTS:
        found = run([copy / 'build/tests' / name], copy, env=environment)
        expect(name != 'unit_number_number' or 'q2_0' in found, 'the tests of numbers do not know q2_0')
    shutil.copytree(llama, toy)
    config = json.loads((toy / 'config.json').read_text())
    (toy / 'config.json').write_text(json.dumps(dict(config, model_type='toy', architectures=['ToyForCausalLM'])))
    for gguf in toy.glob('*.gguf'):
        gguf.unlink()
    expected = sha256(copy, llama)
    expect(json.loads(run([trill, 'inspect', toy, '--json'], copy))['architecture'] == 'toy', 'the toy is not recognised')
    expect(sha256(copy, toy) == expected, 'the toy architecture gives other logits')
    expect(sha256(copy, llama, '--cpu', 'toy') == sha256(copy, llama, '--cpu', 'ref') == expected, 'the toy level gives other logits')


def main():
    if os.environ.get('TRILL_FAST'):
        print('compiles for a minute: only in the release build')
        sys.exit(77)
    if not shutil.which('git') or subprocess.run(['git', 'rev-parse'], cwd=ROOT, capture_output=True).returncode != 0:
        print('the tree is no checkout of git')
        sys.exit(77)
    page = (ROOT / 'docs/first-change.md').read_text()
    found = re.findall(r'^`([^`\n]+)`, (a new file|one more row):\n\n```c\n(.*?)^```$', page, re.M | re.S)
    blocks = {name: (kind, text) for name, kind, text in found}
    expect(len(found) == 2 * len(CHANGES), f'{len(found)} blocks of C with names, expected {2 * len(CHANGES)}')
    with tempfile.TemporaryDirectory() as scratch:
        copy = pathlib.Path(scratch) / 'trill'
        copy.mkdir()
        copy_tree(copy)
        for new, table in CHANGES:
            apply_change(copy, blocks, new, table)
        build(copy)
        check(copy)


main()
