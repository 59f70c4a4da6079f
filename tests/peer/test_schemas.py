#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Answers to schemas of the kinds that agents ship (tests/grammar/schemas) parse and validate, as jsonschema sees it with formats checked:
drawn at random among what the grammar allows, and, where the model is fetched, by SmolLM2 at temperature 1 through trill batch.

SCHEMA_ANSWERS: how many answers of the model each (4, with TRILL_FAST 1). Skipped (77) where tool/venv cannot make an environment."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(os.environ.get('TRILL_ROOT', pathlib.Path(__file__).resolve().parents[2]))
SCHEMAS = sorted((ROOT / 'tests/grammar/schemas').glob('*.json'))
MODEL = pathlib.Path(os.environ.get('XDG_CACHE_HOME', pathlib.Path.home() / '.cache')) / 'trill/smollm2-135m-instruct.gguf'
ANSWERS = int(os.environ.get('SCHEMA_ANSWERS', '1' if os.environ.get('TRILL_FAST') else '4'))


def enter_environment():
    """Starts again under the Python that has jsonschema."""
    if os.environ.get('SCHEMAS_INSIDE'):
        return
    made = subprocess.run([ROOT / 'tool/venv'], stdout=subprocess.PIPE, text=True)
    if made.returncode:
        sys.exit(made.returncode)
    os.execve(made.stdout.strip(), [made.stdout.strip(), __file__], {**os.environ, 'SCHEMAS_INSIDE': '1'})


class Checker:
    def __init__(self):
        import jsonschema
        kind = jsonschema.Draft202012Validator
        formats = ['date', 'time', 'date-time', 'duration', 'uuid', 'email', 'hostname', 'ipv4', 'ipv6', 'uri', 'json-pointer']
        missing = [name for name in formats if name not in kind.FORMAT_CHECKER.checkers]
        if missing:
            sys.exit(f'jsonschema checks no {", ".join(missing)}: its packages for formats are missing')
        self.of = {path.stem: kind(json.loads(path.read_text()), format_checker=kind.FORMAT_CHECKER) for path in SCHEMAS}
        self.wrong = self.answers = 0

    def check(self, name, text, who):
        self.answers += 1
        try:
            value = json.loads(text, parse_constant=lambda word: 1 / 0)
            problem = next(self.of[name].iter_errors(value), None)
        except (ValueError, ZeroDivisionError, RecursionError) as error:
            problem = error
        if problem:
            self.wrong += 1
            print(f'{name}, {who}: {text[:300]}\n    {str(problem)[:300]}')


def by_chance(checker):
    driver = pathlib.Path(os.environ['TRILL_BUILD']) / 'tests/peer_grammar_answers'
    for number, path in enumerate(SCHEMAS):
        out = subprocess.run([driver, path, str(number + 1), '20'], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
        lines = out.decode().split('\n')[:-1]
        if len(lines) != 20:
            sys.exit(f'{path.stem}: {len(lines)} answers for 20')
        for line in lines:
            checker.check(path.stem, line, 'by chance')


def by_model(checker):
    if not MODEL.exists():
        print(f'no answers of a model: {MODEL} is absent (tool/fetch-models)')
        return
    with tempfile.TemporaryDirectory() as folder:
        requests, answers = pathlib.Path(folder) / 'in.jsonl', pathlib.Path(folder) / 'out.jsonl'
        lines = []
        for path in SCHEMAS:
            schema = json.loads(path.read_text())
            form = {'type': 'json_schema', 'json_schema': {'name': 'answer', 'strict': True, 'schema': schema}}
            body = {'messages': [{'role': 'user', 'content': f'Make up a JSON example of: {path.stem}.'}], 'response_format': form,
                    'temperature': 1, 'max_tokens': 120, 'n': ANSWERS, 'seed': 7}
            lines.append(json.dumps({'custom_id': path.stem, 'method': 'POST', 'url': '/v1/chat/completions', 'body': body}))
        requests.write_text('\n'.join(lines) + '\n')
        subprocess.run([os.environ['TRILL'], 'batch', MODEL, requests, '-o', answers, '-q', '--no-ledger', '--sequences', '16', '-c', '1024'], check=True)
        for line in answers.read_text().splitlines():
            answer = json.loads(line)
            if answer['response']['status_code'] != 200:
                sys.exit(f'{answer["custom_id"]}: {answer["response"]}')
            for choice in answer['response']['body']['choices']:
                checker.check(answer['custom_id'], choice['message']['content'], 'by SmolLM2')


def main():
    enter_environment()
    checker = Checker()
    by_chance(checker)
    by_model(checker)
    print(f'{checker.answers} answers to {len(SCHEMAS)} schemas, {checker.wrong} wrong')
    sys.exit(1 if checker.wrong or checker.answers < 1000 else 0)


if __name__ == '__main__':
    main()
