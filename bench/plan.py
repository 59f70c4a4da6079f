#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How far plans are from what happens. For each model some rounds. A round is some turns, in each of which the model runs between
two measurements of the machine's peaks; `trill plan` is asked with the median of the peaks (of the drive: what the model's own queue
gave), and its answer compared with the median of the runs: where memory gives now 40 and now 65 GB/s, a short run needs several
turns. What is compared: stored bytes, the peak of the process, bytes missed, tokens/s of an answer and of a prompt.

  bench/plan.py MODEL[:RAM] ... [--rounds 5] [--turns 1] [--threads N] [--prompt 512] [--tokens 128]

Writes bench/records/DATE-plan.json and DATE-plan.md; what was measured before on the same day stays there, so that large
files can be made, measured and removed one at a time. Ratios are planned ÷ measured, medians of the rounds.
"""
import argparse, datetime, json, os, pathlib, statistics, subprocess
from peers import ROOT, git, machine

TRILL = str(ROOT / 'build/trill')


def trill(*arguments):
    command = [TRILL, *map(str, arguments), '--json']
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)


def drop_caches():
    try:
        pathlib.Path('/proc/sys/vm/drop_caches').write_text('3')
    except OSError:
        print('the page cache could not be dropped')


def peaks(threads):
    measured = trill('bench', '--peaks', '-t', threads)
    keys = {'memory': 'memory_bytes_per_s', 'flops': 'int8_ops_per_s', 'flops-bf16': 'bf16_flops', 'flops-f32': 'f32_flops'}
    return {fact: measured[key][str(threads)] for fact, key in keys.items()}


def measure(model, ram, options):
    """One round: (facts, measured, planned)."""
    means = ['-t', options.threads] + (['--ram', ram] if ram else [])
    seen, runs = [peaks(options.threads)], []
    for _ in range(options.turns):
        drop_caches()
        runs.append(trill('bench', model, '-p', options.prompt, '-n', options.tokens, '-r', 1, *means))
        seen.append(peaks(options.threads))
    facts = {fact: statistics.median(s[fact] for s in seen) for fact in seen[0]}
    answer = runs[-1][1]
    streaming = answer.get('streaming')
    if streaming:
        facts['drive'] = streaming['drive_bytes_per_s']
    told = [x for fact, value in facts.items() for x in (f'--{fact}', value)]
    context = max(options.prompt, options.tokens) + 1
    plan = trill('plan', model, '-c', context, '-p', options.prompt, '-n', 1, *means, *told)
    decode = trill('plan', model, '-c', context, '-p', 1, '-n', options.tokens, *means, *told)
    prefill, rate = (statistics.median(run[i]['mean_tokens_per_s'] for run in runs) for i in (0, 1))
    measured = {'prefill': prefill, 'decode': rate,
                'missed': streaming['decode_missed_bytes_per_token'] if streaming else 0}
    planned = {'prefill': plan['prefill_tokens_per_s'], 'decode': decode['decode_tokens_per_s'], 'missed': decode['read_bytes_per_token'],
               'bound': decode['bound']}
    return {'facts': facts, 'measured': measured, 'planned': planned}


def measure_memory(model, ram, options):
    """A run that fills its context: bytes and peak."""
    means = ['-t', options.threads] + (['--ram', ram] if ram else [])
    a_word = len(trill('tokenize', model, '-p', ' word')['ids'])         # vocabularies of random models know bytes alone
    words = ' word' * ((options.prompt - 8) // a_word)
    run = trill('run', model, '--raw', '-p', words, '-n', options.tokens, '--temp', 0, '-c', options.prompt + options.tokens + 64, *means)
    used = run['prompt_tokens'], run['tokens']
    plan = trill('plan', model, '-c', options.prompt + options.tokens + 64, '-p', used[0], '-n', max(1, used[1]), *means)
    return {'peak': run['peak_bytes'], 'planned_peak': plan['request']['peak_bytes'], 'bound': plan['peak_bytes'],
            'loaded': run['read_bytes'] - run.get('streaming', {}).get('drive_bytes', 0), 'resident': plan['resident_bytes'], 'weights': plan['weight_bytes'], 'held': plan['held']}


def median_ratio(rounds, what):
    return statistics.median(r['planned'][what] / r['measured'][what] for r in rounds if r['measured'][what])


def row(name, result):
    memory, rounds = result['memory'], result['rounds']
    spread = [r['planned']['decode'] / r['measured']['decode'] for r in rounds]
    read = f'{median_ratio(rounds, "missed"):.2f}' if rounds[0]['measured']['missed'] else '–'
    exact = 'equal' if memory['loaded'] == memory['resident'] else f'{memory["loaded"]} of {memory["resident"]} planned'
    decode, prefill = (statistics.median(r['measured'][w] for r in rounds) for w in ('decode', 'prefill'))
    return (f'| {name} | {result["ram"] or "–"} | {len(rounds)} × {result["prompt"]} + {result["tokens"]} | {memory["weights"] / 1e9:.3f} | {memory["held"]} | {exact} | {memory["peak"] / 1e6:.0f} | '
            f'{(memory["planned_peak"] - memory["peak"]) / 1e6:+.1f} MB, {100 * (memory["planned_peak"] / memory["peak"] - 1):+.1f} % | '
            f'{decode:.4g} | {median_ratio(rounds, "decode"):.2f} ({min(spread):.2f}–{max(spread):.2f}) | {prefill:.4g} | '
            f'{median_ratio(rounds, "prefill"):.2f} | {read} |')


HEAD = ('| model | --ram | rounds | GB | held | bytes loaded | peak MB | planned peak | answer t/s | planned ÷ measured (range) | prompt t/s | planned ÷ measured | bytes missed |\n'
        '|---|---|---|---|---|---|---|---|---|---|---|---|---|')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('models', nargs='+', help='a file or a name in the cache; behind a colon its --ram')
    for name, value in (('rounds', 5), ('turns', 1), ('threads', os.cpu_count()), ('prompt', 512), ('tokens', 128)):
        parser.add_argument(f'--{name}', type=int, default=value)
    options = parser.parse_args()
    date, load = datetime.date.today().isoformat(), os.getloadavg()[0]
    record = ROOT / f'bench/records/{date}-plan.json'
    results = json.loads(record.read_text())['models'] if record.exists() else {}
    for given in options.models:
        model, _, ram = given.partition(':')
        name = pathlib.Path(model).name
        results[name] = {'ram': ram, 'prompt': options.prompt, 'tokens': options.tokens, 'commit': git('rev-parse', '--short', 'HEAD'),
                         'load': load, 'memory': measure_memory(model, ram, options),
                         'rounds': [measure(model, ram, options) for _ in range(options.rounds)]}
        print(row(name, results[name]), flush=True)
    record.write_text(json.dumps({'machine': machine(), 'threads': options.threads, 'models': results}, indent=1) + '\n')
    commits = ', '.join(sorted({result['commit'] for result in results.values()}))
    text = (f'# Plans and what happened, {date}\n\nCommit {commits}; {machine()["cpu"]}, {options.threads} threads. Medians of the rounds; each round plans with the '
            f'bandwidths measured in it. Rounds: how many, tokens of the prompt and of the answer. Peak: a run that fills its context. Raw values in '
            f'the JSON beside this.\n\n')
    record.with_suffix('.md').write_text(text + HEAD + '\n' + '\n'.join(row(name, result) for name, result in results.items()) + '\n')


if __name__ == '__main__':
    main()
