#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""trill beside llama.cpp and ik_llama.cpp: same files, same threads, in turns (A B C A B C ...), medians and ratios.

  bench/peers.py --peers FOLDER [--rounds 5] [--threads 1 2] [--models FILE ...] [--trill build/trill] [--no-record] [--name peers]

FOLDER is what bench/build-peers made; the environment variable PEERS serves as well. Every turn is a process of its own
that warms up and takes one sample of pp512 and one of tg128. Memory bandwidth and int8 peak are measured by
`trill bench --peaks` before the first turn and after the last. An engine that is not built is left out and named.
The peers run with their defaults, since that is what people run; ik_llama.cpp also with -rtr 1, which repacks the weights
at load as trill does, in a column of its own. Two threads on two cores need a quiet machine: the page says how quiet it was.
Writes bench/records/DATE-NAME.json (raw samples, commands, machine) and DATE-NAME.md.
"""
import argparse, datetime, json, os, pathlib, platform, statistics, subprocess, sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
CACHE = pathlib.Path(os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache') / 'trill'
MODELS = [CACHE / 'smollm2-135m-instruct.gguf', CACHE / 'gemma-3-270m.gguf']
TESTS = ['pp512', 'tg128']


def engines(peers, trill):
    """name: (program, arguments before the model's name, arguments after the number of threads)"""
    found = {
        'llama.cpp': (peers / 'llama.cpp/build/bin/llama-bench', ['-m'], ['-o', 'json']),
        'ik_llama.cpp': (peers / 'ik_llama.cpp/build/bin/llama-bench', ['-m'], ['-o', 'json']),
        'ik_llama.cpp -rtr 1': (peers / 'ik_llama.cpp/build/bin/llama-bench', ['-m'], ['-rtr', '1', '-o', 'json']),
        'trill': (trill, ['bench'], ['--json'])}
    for name, (program, _, _) in list(found.items()):
        if not program.exists():
            print(f'{name} is left out: there is no {program}', file=sys.stderr)
            del found[name]
    return found


def run_json(command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f'{" ".join(map(str, command))}: exit code {done.returncode}\n{done.stderr[-2000:]}')
    return json.loads('\n'.join(line for line in done.stdout.split('\n') if not line.startswith('WARNING:')))


def samples(result):
    """{test: tokens/s} from the JSON of llama-bench or of trill bench."""
    if 'samples_tokens_per_s' in result[0]:
        return {row['test']: row['samples_tokens_per_s'][0] for row in result}
    return {f'pp{row["n_prompt"]}' if row['n_prompt'] else f'tg{row["n_gen"]}': row['samples_ts'][0] for row in result}


def peaks(trill):
    try:
        done = subprocess.run([str(trill), 'bench', '--peaks', '--json'], capture_output=True, text=True, check=True)
        return json.loads(done.stdout)
    except (OSError, subprocess.CalledProcessError, ValueError):
        return None


def machine():
    cpu = [line.split(':')[1].strip() for line in open('/proc/cpuinfo') if line.startswith('model name')]
    return {'cpu': cpu[0] if cpu else platform.machine(), 'cores': os.cpu_count(), 'kernel': platform.release(),
            'memory_bytes': os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES'), 'load': os.getloadavg()}


def git(*words):
    return subprocess.run(['git', '-C', str(ROOT), *words], capture_output=True, text=True).stdout.strip()


def cells(options, found):
    for model in options.models:
        for threads in options.threads:
            row = {'model': model.name, 'threads': threads, 'engines': {}}
            for name, (program, before, after) in found.items():
                command = [program, *before, model, '-p', '512', '-n', '128', '-r', '1', '-t', threads, *after]
                row['engines'][name] = {'command': ' '.join(map(str, command)), 'samples': {test: [] for test in TESTS}}
            for turn in range(options.rounds):
                for name, engine in row['engines'].items():
                    result = run_json(engine['command'].split())
                    measured = samples(result)
                    if 'roofline_share' in result[0]:        # trill's own account
                        engine.setdefault('roofline_share', []).append({r['test']: r['roofline_share'] for r in result})
                        row['token_bytes'] = result[-1]['weight_bytes_per_token']
                    for test in TESTS:
                        engine['samples'][test].append(measured[test])
                    print(f'{model.name} {threads} threads, turn {turn + 1}, {name}: '
                          + ', '.join(f'{test} {measured[test]:.1f}' for test in TESTS), file=sys.stderr)
            for engine in row['engines'].values():
                engine['medians'] = {test: statistics.median(engine['samples'][test]) for test in TESTS}
            yield row


def bandwidth(record, threads):
    """The better of the two measurements, bytes/s, or None."""
    found = [p['memory_bytes_per_s'][str(threads)] for p in record['peaks'] if p and str(threads) in p['memory_bytes_per_s']]
    return max(found, default=None)


def table(record):
    names = list(record['cells'][0]['engines'])
    rivals = [name for name in names if name != 'trill']
    defaults = [name for name in rivals if ' ' not in name]
    lines = ['| model | threads | test | ' + ' | '.join(names)
             + ' | trill ÷ the faster default | ÷ the best column | trill reaches |',
             '|---' * (len(names) + 6) + '|']
    for row in record['cells']:
        medians = {name: engine['medians'] for name, engine in row['engines'].items()}
        limit = bandwidth(record, row['threads'])
        for test in TESTS:
            ratio = best = share = '–'
            if 'trill' in medians and rivals:
                ratio, best = (f'{medians["trill"][test] / max(medians[name][test] for name in among):.2f}'
                               for among in (defaults, rivals))
            if 'trill' in medians and limit and test.startswith('tg'):
                share = f'{medians["trill"][test] * row["token_bytes"] / limit:.0%} of memory bandwidth'
            elif reported := row['engines'].get('trill', {}).get('roofline_share'):
                share = f'{statistics.median(turn[test] for turn in reported):.0%} of its roofline'
            speeds = ' | '.join(f'{medians[name][test]:.1f}' for name in names)
            lines.append(f'| {row["model"]} | {row["threads"]} | {test} | {speeds} | {ratio} | {best} | {share} |')
    return '\n'.join(lines)


def page(record):
    m = record['machine']
    lines = [f'# trill and its peers, {record["date"]}', '',
             f'Commit {record["commit"]}; {m["cpu"]}, {m["cores"]} cores, {m["memory_bytes"] / 2**30:.0f} GiB, Linux {m["kernel"]}; '
             f'load {m["load"][0]:.2f} at the start, {record["load_at_end"][0]:.2f} at the end. Tokens/s, medians of '
             f'{record["rounds"]} turns, engines in turns; raw samples and commands in the JSON beside this.', '', table(record), '']
    for when, peak in zip(('before', 'after'), record['peaks']):
        if peak:
            lines.append(f'Peaks {when}: memory ' + ', '.join(f'{v / 1e9:.1f} GB/s with {t} threads' for t, v in peak['memory_bytes_per_s'].items())
                         + '; int8 ' + ', '.join(f'{v / 1e12:.3f} Tops with {t}' for t, v in peak['int8_ops_per_s'].items()) + '.')
    return '\n'.join(lines) + '\n'


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--peers', type=pathlib.Path, default=os.environ.get('PEERS'))
    parser.add_argument('--trill', type=pathlib.Path, default=ROOT / 'build/trill')
    parser.add_argument('--models', type=pathlib.Path, nargs='+', default=MODELS)
    parser.add_argument('--threads', type=int, nargs='+', default=[1, 2])
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--no-record', action='store_true')
    parser.add_argument('--name', default='peers', help='of the record')
    options = parser.parse_args()
    if not options.peers:
        parser.error('say where the peers are: --peers FOLDER or PEERS=FOLDER (bench/build-peers FOLDER makes it)')
    for model in options.models:
        if not model.exists():
            parser.error(f'there is no {model}: run tool/fetch-models all')
    found = engines(pathlib.Path(options.peers), options.trill)
    if not found:
        sys.exit('no engine is built')

    record = {'date': datetime.date.today().isoformat(), 'commit': git('describe', '--always', '--dirty', '--exclude=*'),
              'machine': machine(), 'rounds': options.rounds, 'peaks': [peaks(options.trill)]}
    record['cells'] = list(cells(options, found))
    record['peaks'].append(peaks(options.trill))
    record['load_at_end'] = os.getloadavg()
    print(page(record))
    if not options.no_record:
        place = ROOT / 'bench/records'
        place.mkdir(exist_ok=True)
        # The places of programs and models say nothing to a reader of the record.
        text = json.dumps(record, indent=1)
        for folder, short in ((str(options.peers), 'PEERS'), (str(CACHE), 'CACHE'), (str(ROOT) + '/', '')):
            text = text.replace(folder, short)
        (place / f'{record["date"]}-{options.name}.json').write_text(text + '\n')
        (place / f'{record["date"]}-{options.name}.md').write_text(page(record))


if __name__ == '__main__':
    main()
