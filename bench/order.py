#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What "one answer" costs in speed: trill as it is beside the same sources compiled with -Ofast -ffp-contract=fast, where the
compiler may reorder and fuse every floating-point operation. Same file, same threads, in turns; medians and ratios.

  bench/order.py [--rounds 5] [--threads 1 2] [--models FILE ...] [--build FOLDER]

FOLDER (default build-free) is built here; its answers differ from level to level, and nothing else uses it.
Writes bench/records/DATE-order.json and DATE-order.md.
"""
import argparse, datetime, json, os, pathlib, statistics, subprocess
from peers import CACHE, MODELS, ROOT, TESTS, git, machine, peaks, run_json, samples

FREE = ['-Dc_args=-Ofast -ffp-contract=fast -Wno-error']


def table(record):
    lines = ['| model | threads | test | one order | order free | one order ÷ free |', '|---' * 6 + '|']
    for cell in record['cells']:
        for test in TESTS:
            fixed, free = (statistics.median(cell[side][test]) for side in ('fixed', 'free'))
            lines.append(f'| {cell["model"]} | {cell["threads"]} | {test} | {fixed:.1f} | {free:.1f} | {fixed / free:.3f} |')
    return '\n'.join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--models', type=pathlib.Path, nargs='+', default=MODELS)
    parser.add_argument('--threads', type=int, nargs='+', default=[1, 2])
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--build', type=pathlib.Path, default=ROOT / 'build-free')
    options = parser.parse_args()
    for folder, flags in ((ROOT / 'build', []), (options.build, FREE)):
        subprocess.run([ROOT / 'tool/build', folder, '--buildtype=release', *flags], check=True, env={**os.environ, 'TARGETS': 'trill'},
                       stdout=subprocess.DEVNULL)
    programs = {'fixed': ROOT / 'build/trill', 'free': options.build / 'trill'}
    record = {'date': datetime.date.today().isoformat(), 'commit': git('describe', '--always', '--dirty', '--exclude=*'),
              'machine': machine(), 'rounds': options.rounds, 'flags': FREE, 'peaks': peaks(programs['fixed']), 'cells': []}
    for model in options.models:
        for threads in options.threads:
            cell = {'model': model.name, 'threads': threads, **{side: {test: [] for test in TESTS} for side in programs}}
            for turn in range(options.rounds):
                for side in sorted(programs, reverse=turn % 2 == 1):
                    found = samples(run_json([programs[side], 'bench', model, '-p', '512', '-n', '128', '-r', '1', '-t', threads, '--json']))
                    for test in TESTS:
                        cell[side][test].append(found[test])
            record['cells'].append(cell)
    text = (f'# What one answer costs, {record["date"]}\n\nCommit {record["commit"]}; {record["machine"]["cpu"]}, '
            f'{record["machine"]["cores"]} cores. Tokens/s, medians of {options.rounds} turns; "order free" is compiled with '
            f'{FREE[0].split("=", 1)[1]}.\n\n{table(record)}\n')
    print(text)
    place = ROOT / 'bench/records'
    place.mkdir(exist_ok=True)
    (place / f'{record["date"]}-order.json').write_text(json.dumps(record, indent=1).replace(str(CACHE), 'CACHE') + '\n')
    (place / f'{record["date"]}-order.md').write_text(text)


main()
