#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whole files of trill quantize beside those of llama-quantize --pure: the same source, the same importance, the same format for all
matrices (and what each falls back to where rows have no whole blocks). What is lost, and how long it takes, in turns.

  bench/quantizers.py --peers FOLDER [MODEL ...] [--formats ...] [--rounds 3] [--threads 2] [--work DIR] [--trill build/trill] [--no-record]

FOLDER is what bench/build-peers made; the environment variable PEERS serves as well. Source, importance and texts are those of
ladder.py, which keeps them in the same work folder. Seconds are of the whole command, reading and writing included.
Writes bench/records/DATE-quantizers.json and DATE-quantizers.md.
"""
import argparse, datetime, json, os, pathlib, statistics, subprocess, sys, tempfile, time
from ladder import FORMATS, prepare, write_texts
from peers import MODELS, ROOT, git, machine, run_json

sys.path.insert(0, str(ROOT / 'tests/peer'))
from test_quantize import read_moments, write_imatrix

SIDES = ['trill', 'llama.cpp']


def seconds_of(command):
    began = time.monotonic()
    subprocess.run([str(word) for word in command], check=True, capture_output=True)
    return time.monotonic() - began


def quantize(options, model, name):
    """{side: (file, [seconds])}"""
    paths = {side: options.work / f'{model.stem}-{name}-{side}.gguf' for side in SIDES}
    commands = {'trill': [options.trill, 'quantize', options.reference, paths['trill'], '--to', name, '--importance', options.matrix, '-t', options.threads,
                          '-q', '--force', '--no-ledger'],
                'llama.cpp': [options.peers / 'llama.cpp/build/bin/llama-quantize', '--imatrix', options.matrix, '--pure', options.reference, paths['llama.cpp'],
                              name.upper(), options.threads]}
    seconds = {side: [] for side in SIDES}
    for _ in range(options.rounds):
        for side in SIDES:
            seconds[side].append(seconds_of(commands[side]))
    return {side: (paths[side], seconds[side]) for side in SIDES}


def compare(options, model):
    prepare(options, model)
    options.matrix = options.work / f'{model.stem}.imatrix'
    write_imatrix(options.matrix, read_moments(options.moments))
    made = {name: quantize(options, model, name) for name in options.formats}
    files = [(name, side, *made[name][side]) for name in options.formats for side in SIDES]
    report = run_json([options.trill, 'eval', *(path for _, _, path, _ in files), '--reference', options.reference, '--text', options.text, '--window', 512,
                       '--store', options.work / 'store', '--json', '-q', '--no-ledger'])
    rows = []
    for (name, side, path, seconds), found in zip(files, report['models']):
        rows.append({'model': model.stem, 'format': name, 'side': side, 'bytes': path.stat().st_size, 'seconds': seconds,
                     **{key: found[key] for key in ('kl', 'kl_se', 'perplexity', 'perplexity_se', 'agreement')}})
        path.unlink()
    return rows


def table(rows):
    lines = ['| model | format | MB | KL | llama.cpp | ratio | perplexity | llama.cpp | top-1 | llama.cpp | s | llama.cpp | speed |',
             '|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|']
    for a, b in zip(rows[::2], rows[1::2]):
        mb = f'{a["bytes"] / 1e6:.1f}' if abs(a['bytes'] - b['bytes']) < 1e5 else f'{a["bytes"] / 1e6:.1f}; {b["bytes"] / 1e6:.1f}'
        ratio = statistics.median(y / x for x, y in zip(a['seconds'], b['seconds']))
        s, t = (statistics.median(side['seconds']) for side in (a, b))
        lines.append(f'| {a["model"]} | {a["format"]} | {mb} | {a["kl"]:.5f} | {b["kl"]:.5f} | {a["kl"] / b["kl"]:.2f} | {a["perplexity"]:.2f} | {b["perplexity"]:.2f} | '
                     f'{a["agreement"]:.3f} | {b["agreement"]:.3f} | {s:.2f} | {t:.2f} | {ratio:.2f} |')
    return '\n'.join(lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('models', nargs='*', type=pathlib.Path, default=MODELS)
    parser.add_argument('--peers', type=pathlib.Path, default=os.environ.get('PEERS'))
    parser.add_argument('--formats', nargs='+', default=FORMATS)
    parser.add_argument('--bytes', type=int, default=12000, help='of the text that is evaluated')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--no-record', action='store_true')
    parser.add_argument('--work', type=pathlib.Path)
    parser.add_argument('--trill', default=str(ROOT / 'build/trill'))
    options = parser.parse_args()
    if not options.peers:
        parser.error('--peers FOLDER is missing')
    with tempfile.TemporaryDirectory() as folder:
        options.work = options.work or pathlib.Path(folder)
        write_texts(options)
        rows = [row for model in options.models for row in compare(options, model)]
    print(table(rows))
    if options.no_record:
        return
    date = datetime.date.today().isoformat()
    record = {'date': date, 'commit': git('rev-parse', '--short', 'HEAD'), 'machine': machine(), 'threads': options.threads, 'rows': rows}
    (ROOT / f'bench/records/{date}-quantizers.json').write_text(json.dumps(record, indent=1) + '\n')
    (ROOT / f'bench/records/{date}-quantizers.md').write_text(
        f'# Files of trill quantize and of llama-quantize, {date}\n\nCommit {record["commit"]}; {record["machine"]["cpu"]}, {options.threads} threads, medians of '
        f'{options.rounds} turns. The same importance, one format for all matrices (`llama-quantize --pure`), against the files at hand decoded to f32. '
        f'"ratio": KL of trill\'s file over that of llama.cpp\'s; "speed": its seconds over ours, turn by turn.\n\n{table(rows)}\n')


if __name__ == '__main__':
    main()
