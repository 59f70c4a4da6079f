#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What share of the drive's limit a batch reaches on a streamed model, and how far its forecast is from what happens. The
share is that of the command's own report: bytes missed ÷ what the drive brought through the same queue just before, ÷
seconds. Answers are compared between rounds.

  bench/batch.py MODEL [--sequences 32] [--ram 20G] [--prompt 32] [--tokens 16] [--rounds 3]

Writes bench/records/DATE-batch.json and DATE-batch.md.
"""
import argparse, datetime, hashlib, json, pathlib, statistics, subprocess, tempfile
from peers import ROOT, git, machine

TRILL = ROOT / 'build/trill'


def requests(options):
    for i in range(options.sequences):
        ids = [(i * 31 + k * 7) % 200 + 5 for k in range(options.prompt)]
        body = {'prompt': ids, 'max_tokens': options.tokens, 'seed': i, 'ignore_eos': True}
        yield json.dumps({'custom_id': str(i), 'method': 'POST', 'url': '/v1/completions', 'body': body}) + '\n'


def drop_caches():
    try:
        pathlib.Path('/proc/sys/vm/drop_caches').write_text('3')
    except OSError:
        print('the page cache could not be dropped')


def run(command, answers):
    drop_caches()
    report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    report['answers_sha256'] = hashlib.sha256(answers.read_bytes()).hexdigest()
    answers.unlink()
    return report


def table(rounds):
    lines = ['| round | seconds | tokens/s | GB missed | drive GB/s | drive busy | share of the limit | forecast s | forecast GB |', '|---' * 9 + '|']
    for i, r in enumerate(rounds):
        lines.append(f'| {i + 1} | {r["seconds"]:.1f} | {r["tokens_per_s"]:.2f} | {r["missed_bytes"] / 1e9:.2f} | {r["drive_bytes_per_s"] / 1e9:.2f} | '
                     f'{r["drive_busy_share"]:.3f} | {r["drive_share"]:.3f} | {r["forecast"]["seconds"]:.1f} | {r["forecast"]["read_bytes"] / 1e9:.2f} |')
    return '\n'.join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('model', type=pathlib.Path)
    parser.add_argument('--ram', default='20G')
    for name, value in (('sequences', 32), ('prompt', 32), ('tokens', 16), ('rounds', 3)):
        parser.add_argument(f'--{name}', type=int, default=value)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asked, answers = pathlib.Path(folder) / 'requests.jsonl', pathlib.Path(folder) / 'answers.jsonl'
        asked.write_text(''.join(requests(options)))
        command = [str(TRILL), 'batch', str(options.model), str(asked), '-o', str(answers), '--ram', options.ram, '--sequences',
                   str(options.sequences), '--json', '-q']
        rounds = [run(command, answers) for _ in range(options.rounds)]
    assert len({r['answers_sha256'] for r in rounds}) == 1, 'the answers differ between rounds'
    shown = ' '.join(command).replace(folder + '/', '').replace(str(ROOT) + '/', '').replace(str(options.model), options.model.name)
    record = {'date': datetime.date.today().isoformat(), 'commit': git('describe', '--always', '--dirty', '--exclude=*'), 'machine': machine(),
              'command': shown, 'prompt_tokens_each': options.prompt, 'answer_tokens_each': options.tokens, 'rounds': rounds}
    median = statistics.median(r['drive_share'] for r in rounds)
    text = (f'# A batch from the drive, {record["date"]}\n\nCommit {record["commit"]}; {record["machine"]["cpu"]}, {record["machine"]["cores"]} cores. '
            f'`{shown}`: {options.sequences} requests of {options.prompt} prompt tokens and {options.tokens} answer tokens. Median share of the limit '
            f'{median:.3f}; the answers of all rounds are equal.\n\n{table(rounds)}\n')
    print(text)
    place = ROOT / 'bench/records'
    place.mkdir(exist_ok=True)
    (place / f'{record["date"]}-batch.json').write_text(json.dumps(record, indent=1) + '\n')
    (place / f'{record["date"]}-batch.md').write_text(text)


main()
