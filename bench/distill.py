#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Is a student that learns from a teacher better than one that learns from the same text alone? For each seed one `trill distill
--control`: the same first weights, windows, steps and rate, on as many tokens. Held-out text: KL(teacher || student) and
perplexity, paired token for token, with standard errors over windows; over seeds the mean and the spread of the gains. Several
values of --mix are compared on the same sweeps and controls.

  bench/distill.py TEACHER STUDENT --text DIR [--tokens 500000] [--seeds 3] [--mix 0.9 ...] [--window 256] [--work DIR]

Writes bench/records/DATE-distill.json and DATE-distill.md.
"""
import argparse, datetime, json, math, pathlib, statistics, subprocess, tempfile
from peers import ROOT, git, machine

TRILL = ROOT / 'build/trill'


def run(options, mix, seed, work):
    command = [str(TRILL), 'distill', options.teacher, options.student, '--text', str(options.text), '--tokens', str(options.tokens), '--window',
               str(options.window), '--batch', str(options.batch), '--draws', str(options.draws), '--held', str(options.held), '--mix', str(mix), '--seed',
               str(seed), '--control', '--json', '-q', '--work', str(work / f'seed-{seed}'), '-o', str(work / f'student-{mix}-{seed}.gguf')]
    report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return command, {'mix': mix, 'seed': seed, **report}


def gains(runs, what):
    values = [r['against_control'][what]['gain'] for r in runs]
    spread = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else float('nan')
    return statistics.mean(values), spread


def table(runs):
    lines = ['| mix | seed | teacher | student | control | KL student | KL control | KL gain ± se | errors | nll gain ± se | errors |', '|---' * 11 + '|']
    for r in runs:
        kl, nll = r['against_control']['kl'], r['against_control']['nll']
        lines.append(f'| {r["mix"]:g} | {r["seed"]} | {r["teacher"]["perplexity"]:.2f} | {r["student"]["perplexity"]:.2f} | {r["control"]["perplexity"]:.2f} | '
                     f'{r["student"]["kl"]:.4f} | {r["control"]["kl"]:.4f} | {kl["gain"]:.4f} ± {kl["se"]:.4f} | {kl["standard_errors"]:.1f} | '
                     f'{nll["gain"]:.4f} ± {nll["se"]:.4f} | {nll["standard_errors"]:.1f} |')
    return '\n'.join(lines)


def summary(runs, mixes):
    lines = ['| mix | KL gain over seeds ± se | nll gain over seeds ± se | seeds beyond two standard errors on KL |', '|---' * 4 + '|']
    for mix in mixes:
        own = [r for r in runs if r['mix'] == mix]
        kl, nll = gains(own, 'kl'), gains(own, 'nll')
        beyond = sum(r['against_control']['kl']['better'] == 'student' for r in own)
        lines.append(f'| {mix:g} | {kl[0]:.4f} ± {kl[1]:.4f} | {nll[0]:.4f} ± {nll[1]:.4f} | {beyond} of {len(own)} |')
    return '\n'.join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('teacher')
    parser.add_argument('student')
    parser.add_argument('--text', type=pathlib.Path, required=True)
    parser.add_argument('--mix', type=float, nargs='+', default=[0.9])
    parser.add_argument('--held', type=float, default=0.1)
    parser.add_argument('--work', type=pathlib.Path, help='kept; without it a folder that is removed')
    for name, value in (('tokens', 500000), ('seeds', 3), ('window', 256), ('batch', 8), ('draws', 16)):
        parser.add_argument(f'--{name}', type=int, default=value)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = options.work or pathlib.Path(folder)
        runs = []
        for seed in range(1, options.seeds + 1):
            for mix in options.mix:
                command, report = run(options, mix, seed, work)
                runs.append(report)
                print(table(runs[-1:]), flush=True)
    shown = ' '.join(command).replace(str(work) + '/', '').replace(str(ROOT) + '/', '')
    shown = shown.replace(options.teacher, pathlib.Path(options.teacher).name).replace(str(options.text), options.text.name)
    record = {'date': datetime.date.today().isoformat(), 'commit': git('describe', '--always', '--dirty', '--exclude=*'), 'machine': machine(),
              'last_command': shown, 'runs': runs}
    survey = runs[0]['survey']
    text = (f'# Distilled against control, {record["date"]}\n\nCommit {record["commit"]}; {record["machine"]["cpu"]}, {record["machine"]["cores"]} cores. '
            f'Last command: `{shown}`.\n\n{survey["teacher"]} teaches {survey["student"]} ({survey["student_parameters"]:,} parameters) on {options.tokens:,} '
            f'tokens of {survey["corpus_tokens"]:,}; {runs[0]["student"]["held_tokens"]:,} held-out tokens are compared. Gains are control - student in nats a '
            f'token; positive: the distilled one is better.\n\n{summary(runs, options.mix)}\n\n{table(runs)}\n')
    print(text)
    place = ROOT / 'bench/records'
    place.mkdir(exist_ok=True)
    (place / f'{record["date"]}-distill.json').write_text(json.dumps(record, indent=1) + '\n')
    (place / f'{record["date"]}-distill.md').write_text(text)


main()
