#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What number formats cost and lose: each model in several of them, and with formats chosen within the sizes of some.

  bench/ladder.py [MODEL ...] [--formats ...] [--sizes-of ...] [--bytes 12000] [--no-speed] [--work DIR] [--trill build/trill] [--no-record]

The reference is the MODEL's file decoded to f32. Files of the web are quantised already: then formats that hold the same grid look
better than they would on the original weights. Importance comes from `trill score --moments` on the topics of Python's own help,
what is lost from `trill eval` on pages of docs/, which are no part of that. Speed is `trill bench` with one thread, seven runs of
three samples a file, in turns. Files in the work folder are used again.
Writes bench/records/DATE-ladder.json, DATE-ladder.md and docs/ladder.svg.
"""
import argparse, datetime, json, pathlib, pydoc_data.topics, statistics, subprocess, tempfile
from peers import MODELS, ROOT, git, machine, run_json

FORMATS = ['q8_0', 'q6_k', 'q5_k', 'q4_k', 'q4_0', 'iq4_xs', 'q3_k', 'iq3_xxs']
PAGES = ['api.md', 'serve.md', 'pull.md']


def make(options, output, *how):
    """A file of the work folder, unless it is there."""
    path = options.work / output
    if not path.exists():
        subprocess.run([options.trill, 'quantize', options.reference, path, *map(str, how), '--importance', options.moments, '-q'], check=True)
    return path


def write_texts(options):
    options.text, options.corpus = options.work / 'evaluated.txt', options.work / 'corpus.txt'
    options.text.write_bytes(b''.join((ROOT / 'docs' / page).read_bytes() for page in PAGES)[:options.bytes])
    options.corpus.write_text('\n\n'.join(pydoc_data.topics.topics[key] for key in sorted(pydoc_data.topics.topics))[:64000])


def prepare(options, model):
    options.reference = options.work / f'{model.stem}-f32.gguf'
    options.moments = options.work / f'{model.stem}.moments'
    if not options.reference.exists():
        subprocess.run([options.trill, 'quantize', model, options.reference, '--to', 'f32', '-q'], check=True)
    if not options.moments.exists():
        run_json([options.trill, 'score', model, '--text', options.corpus, '--window', 512, '--moments', options.moments, '--json', '-q', '--no-ledger'])


def speeds(options, paths):
    """{path: {test: samples}}, in turns."""
    samples = {path: {} for path in paths}
    for _ in range(0 if options.no_speed else 7):
        for path in paths:
            for row in run_json([options.trill, 'bench', path, '-p', 128, '-n', 128, '-r', 3, '-t', 1, '--json', '--no-ledger']):
                samples[path].setdefault(row['test'], []).extend(row['samples_tokens_per_s'])
    return samples


def climb(options, model):
    prepare(options, model)
    files = [(name, make(options, f'{model.stem}-{name}.gguf', '--to', name)) for name in options.formats]
    for name in options.sizes_of:
        size = dict(files)[name].stat().st_size
        files.append((f'size of {name}', make(options, f'{model.stem}-size-{name}.gguf', '--size', size)))
    paths = [path for _, path in files]
    command = [options.trill, 'eval', *paths, '--reference', options.reference, '--text', options.text, '--window', 512, '--store', options.work / 'store',
               '--json', '-q', '--no-ledger']
    report, fast = run_json(command), speeds(options, paths)
    rows = [{'model': model.stem, 'format': name, 'bytes': path.stat().st_size, 'samples_tokens_per_s': fast[path],
             **{key: found[key] for key in ('kl', 'kl_se', 'perplexity', 'perplexity_se', 'agreement', 'agreement_se', 'parameters')}}
            for (name, path), found in zip(files, report['models'])]
    return {'model': model.stem, 'command': ' '.join(map(str, command)), 'tokens': report['tokens'], 'rows': rows}


def table(rows):
    lines = ['| model | formats | MB | bits | KL | perplexity | top-1 | prompt t/s | answer t/s |', '|---|---|---:|---:|---:|---:|---:|---:|---:|']
    for r in sorted(rows, key=lambda r: (r['model'], -r['bytes'], r['format'])):
        pp, tg = (statistics.median(r['samples_tokens_per_s'].get(test) or [0]) for test in ('pp128', 'tg128'))
        lines.append(f'| {r["model"]} | {r["format"]} | {r["bytes"] / 1e6:.1f} | {8 * r["bytes"] / r["parameters"]:.2f} | {r["kl"]:.5f} ± {r["kl_se"]:.5f} | '
                     f'{r["perplexity"]:.2f} | {r["agreement"]:.3f} | {pp:.0f} | {tg:.1f} |')
    return '\n'.join(lines)


def picture(rows):
    """KL against size, one panel a model, the former on a logarithmic axis."""
    import math
    models, width, height, parts = sorted({r['model'] for r in rows}), 420, 300, []
    for at, name in enumerate(models):
        mine = [r for r in rows if r['model'] == name and r['kl'] > 0]
        xs, ys = [r['bytes'] / 1e6 for r in mine], [math.log10(r['kl']) for r in mine]
        spans = (min(xs), max(xs) - min(xs) or 1), (math.floor(min(ys)), math.ceil(max(ys)) - math.floor(min(ys)) or 1)
        place = lambda x, y: (at * (width + 30) + 60 + (x - spans[0][0]) / spans[0][1] * (width - 90), 30 + (1 - (y - spans[1][0]) / spans[1][1]) * (height - 70))
        parts.append(f'<text x="{at * (width + 30) + 60}" y="18" font-weight="bold">{name}: KL to f32, by megabytes</text>')
        for decade in range(spans[1][0], spans[1][0] + spans[1][1] + 1):
            x, y = place(spans[0][0], decade)
            parts.append(f'<line x1="{x}" y1="{y:.1f}" x2="{x + width - 90}" y2="{y:.1f}" stroke="#ddd"/><text x="{x - 8}" y="{y + 4:.1f}" text-anchor="end">1e{decade}</text>')
        for i in range(4):
            x, y = place(spans[0][0] + spans[0][1] * i / 3, spans[1][0])
            parts.append(f'<text x="{x:.1f}" y="{y + 18:.1f}" text-anchor="middle">{spans[0][0] + spans[0][1] * i / 3:.0f}</text>')
        for r, x, y in zip(mine, xs, ys):
            chosen, (px, py) = r['format'].startswith('size'), place(x, y)
            parts.append(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="4" fill="{"#c33" if chosen else "#36c"}"><title>{r["format"]}: {r["kl"]:.5f}</title></circle>')
            if not chosen:
                parts.append(f'<text x="{px + 6:.1f}" y="{py - 5:.1f}">{r["format"]}</text>')
    parts.append(f'<circle cx="66" cy="{height - 6}" r="4" fill="#36c"/><text x="76" y="{height - 2}">one format</text>'
                 f'<circle cx="176" cy="{height - 6}" r="4" fill="#c33"/><text x="186" y="{height - 2}">--size of it</text>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{len(models) * (width + 30)}" height="{height + 6}" font-family="sans-serif" font-size="11">'
            f'<rect width="100%" height="100%" fill="white"/>\n' + '\n'.join(parts) + '\n</svg>\n')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('models', nargs='*', type=pathlib.Path, default=MODELS)
    parser.add_argument('--formats', nargs='+', default=FORMATS)
    parser.add_argument('--sizes-of', nargs='*', default=['q5_k', 'q4_k', 'iq4_xs', 'q3_k'])
    parser.add_argument('--bytes', type=int, default=12000, help='of the text that is evaluated')
    parser.add_argument('--no-speed', action='store_true')
    parser.add_argument('--no-record', action='store_true')
    parser.add_argument('--work', type=pathlib.Path)
    parser.add_argument('--trill', default=str(ROOT / 'build/trill'))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        options.work = options.work or pathlib.Path(folder)
        write_texts(options)
        ladders = [climb(options, model) for model in options.models]
    rows = [row for ladder in ladders for row in ladder['rows']]
    print(table(rows))
    if options.no_record:
        return
    date = datetime.date.today().isoformat()
    record = {'date': date, 'commit': git('rev-parse', '--short', 'HEAD'), 'machine': machine(), 'ladders': ladders}
    (ROOT / f'bench/records/{date}-ladder.json').write_text(json.dumps(record, indent=1) + '\n')
    (ROOT / f'bench/records/{date}-ladder.md').write_text(
        f'# Formats of two models, {date}\n\nCommit {record["commit"]}; {record["machine"]["cpu"]}, one thread. Against the files at hand decoded to f32, over '
        f'{", ".join(str(ladder["tokens"]) for ladder in ladders)} tokens.\n\n{table(rows)}\n')
    (ROOT / 'docs/ladder.svg').write_text(picture(rows))


if __name__ == '__main__':
    main()
