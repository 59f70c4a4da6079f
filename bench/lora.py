#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a step of training adapters costs when the base does not fit in memory: beside the larger of two reads of it from the
drive and of its arithmetic, which is the same step with the base in memory.

  bench/lora.py MODEL --text DIR --ram 6G [--rank 8] [--window 512] [--batch 8] [--steps 2] [--rounds 3] [--threads N]
                [--trill build/trill] [--no-record] [--name lora]

Each round is a run under the budget, one with the base in memory, and what the model's own queue reads from the drive. A large
MODEL comes from trill synth. The drive's part is left out of the page cache's reach by reading past it, as trill always does.
Writes bench/records/DATE-NAME.json (raw samples, commands, machine) and DATE-NAME.md.
"""
import argparse, datetime, json, os, pathlib, statistics, sys, tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from peers import ROOT, git, machine, run_json


def train(options, ram, folder):
    """One run: seconds and bytes of a step, and what it took."""
    tokens = options.steps * options.batch * options.window
    command = [options.trill, 'train', options.model, '--lora-rank', options.rank, '--text', options.text, '--tokens', tokens, '--window', options.window,
               '--batch', options.batch, '--held', 0, '--interval', 1e5, '--threads', options.threads, '-o', folder / 'adapter.gguf', '--force', '--no-ledger',
               '--json', '-q'] + (['--ram', ram] if ram else [])
    report = run_json(command)
    return {'command': ' '.join(map(str, command)), 'seconds': report['run_tokens'] / report['tokens_per_s'] / options.steps,
            'read_bytes': report['read_bytes'] / options.steps, 'base_bytes': report['base_bytes'], 'peak_bytes': report['peak_bytes'],
            'loss': report['loss'], 'resident': report['read_bytes'] == 0}


def drive(options):
    result = run_json([options.trill, 'bench', options.model, '-p', 1, '-n', 2, '-r', 1, '--ram', options.ram, '-t', options.threads, '--json'])
    return result[-1]['streaming']['drive_bytes_per_s']


def page(record):
    rows = [f'# A step of training adapters, {record["model"]}, {record["date"]}', '',
            f'Rank {record["rank"]}, {record["batch"]} windows of {record["window"]} tokens, {record["threads"]} threads, commit {record["commit"]}; {record["machine"]["cpu"]}.', '',
            '| what | median | samples |', '|---|---:|---|']
    for name, unit, key in (('step, base passing through', 's', 'streamed'), ('step, base in memory', 's', 'arithmetic'), ('two reads of the base', 's', 'reads')):
        rows.append(f'| {name} | {statistics.median(record[key]):.2f} {unit} | {" ".join(f"{x:.2f}" for x in record[key])} |')
    rows += [f'| times the larger of the last two | {record["ratio"]:.3f} | goal: 1.25 |', f'| reads of the base a step | {record["reads_a_step"]:.2f} | |',
             f'| peak of the process | {record["peak_bytes"] / 2**30:.2f} GiB | budget {record["ram"]}; the base {record["base_bytes"] / 2**30:.2f} GiB |']
    return '\n'.join(rows) + '\n'


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('model')
    parser.add_argument('--text', required=True)
    parser.add_argument('--ram', default='6G')
    for name, value in (('rank', 8), ('window', 512), ('batch', 8), ('steps', 2), ('rounds', 3), ('threads', os.cpu_count())):
        parser.add_argument(f'--{name}', type=int, default=value)
    parser.add_argument('--trill', default=str(ROOT / 'build/trill'))
    parser.add_argument('--name', default='lora')
    parser.add_argument('--no-record', action='store_true')
    options = parser.parse_args()
    record = {'date': datetime.date.today().isoformat(), 'commit': git('rev-parse', '--short', 'HEAD'), 'machine': machine(), 'model': pathlib.Path(options.model).name,
              'streamed': [], 'arithmetic': [], 'reads': [], **{key: getattr(options, key) for key in ('ram', 'rank', 'window', 'batch', 'steps', 'threads')}}
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(options.rounds):
            streamed, within = train(options, options.ram, pathlib.Path(folder)), train(options, None, pathlib.Path(folder))
            if streamed['resident'] or not within['resident']:
                sys.exit(f'{options.model}: all of it fits in {options.ram}, or not even in this machine: nothing is compared')
            if streamed['loss'] != within['loss']:
                sys.exit(f'the budget changed the loss: {streamed["loss"]} and {within["loss"]}')
            runs += [streamed, within]
            record['streamed'].append(streamed['seconds'])
            record['arithmetic'].append(within['seconds'])
            record['reads'].append(2 * streamed['base_bytes'] / drive(options))
            print(f'{streamed["seconds"]:.2f} s, in memory {within["seconds"]:.2f} s, two reads {record["reads"][-1]:.2f} s', flush=True)
    limit = max(statistics.median(record['arithmetic']), statistics.median(record['reads']))
    record |= {'ratio': statistics.median(record['streamed']) / limit, 'reads_a_step': streamed['read_bytes'] / streamed['base_bytes'],
               'peak_bytes': max(run['peak_bytes'] for run in runs[::2]), 'base_bytes': streamed['base_bytes'], 'runs': runs}
    print(page(record))
    if not options.no_record:
        stem = ROOT / 'bench/records' / f'{record["date"]}-{options.name}'
        stem.with_suffix('.json').write_text(json.dumps(record, indent=1) + '\n')
        stem.with_suffix('.md').write_text(page(record))


main()
