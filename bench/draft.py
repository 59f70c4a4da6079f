#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What drafts give: for each kind and task the share of drafted tokens that is accepted, the tokens of a step, and seconds
beside those without, with the answers compared. Two servers, one that drafts and one that does not, answer the same
requests in turns; prompts are warm in both, so that what is timed is the answer.

  bench/draft.py --model SMOLLM2 --wide SMOLLM2-F16 [--rounds 5] [--only NAME ...] [--keep FOLDER]

--wide: the same weights in f16, for which --model drafts. The models of heads and of streaming are made here (numpy), in
FOLDER or a temporary one. Writes bench/records/DATE-drafts.json and DATE-drafts.md.
"""
import argparse, contextlib, datetime, http.client, json, pathlib, statistics, struct, subprocess, tempfile, threading, time
import numpy as np
from peers import ROOT, git, machine

TRILL = ROOT / 'build/trill'
STORY = ('The harbour was quiet before dawn. Two boats had come in with the tide, and their crews were unloading crates of fish onto '
         'the stones, counting aloud as they worked. Further up the hill a baker opened his shutters; the smell of bread ran down '
         'the street ahead of the light. Nobody spoke of the storm that had kept the third boat away.')
CODE = '''def mean(values):
    total = 0
    for value in values:
        total += value
    return total / len(values)

def variance(values):
    middle = mean(values)
    total = 0
    for value in values:
        total += (value - middle) ** 2
    return total / len(values)
'''
EDIT = [f'Repeat this text exactly, but write "ship" instead of "boat":\n\n{STORY}', f'Correct the spelling of this text and repeat it whole:\n\n{STORY}']
CODING = [f'Here is some Python:\n\n{CODE}\nWrite the same functions again with type annotations.', f'Add a docstring to each function:\n\n{CODE}']
PROSE = ['Write a long story about a lighthouse keeper and the sea.', 'Explain how bread is baked, step by step.', 'Why do leaves fall in autumn?']
SCHEMA = {'type': 'object', 'additionalProperties': False, 'required': ['name', 'address', 'preferred_language', 'is_subscribed'],
          'properties': {'name': {'type': 'string', 'maxLength': 20}, 'is_subscribed': {'type': 'boolean'},
                         'address': {'type': 'object', 'additionalProperties': False, 'required': ['street_name', 'postal_code'],
                                     'properties': {'street_name': {'type': 'string', 'maxLength': 20}, 'postal_code': {'type': 'integer'}}},
                         'preferred_language': {'enum': ['english', 'norwegian', 'portuguese']}}}


# --- models that are made here ------------------------------------------------------------------------------------------------

HEADS = dict(model_type='glm4_moe', num_hidden_layers=12, hidden_size=512, intermediate_size=2048, num_attention_heads=8, num_key_value_heads=4,
             head_dim=64, partial_rotary_factor=0.5, first_k_dense_replace=12, n_routed_experts=4, num_experts_per_tok=2, n_shared_experts=1,
             moe_intermediate_size=512, n_group=1, topk_group=1, routed_scaling_factor=1.0, norm_topk_prob=True, use_qk_norm=True, attention_bias=False,
             vocab_size=16384, max_position_embeddings=4096, rope_theta=10000, rms_norm_eps=1e-5, tie_word_embeddings=False, num_nextn_predict_layers=1)

STREAMED = HEADS | dict(num_hidden_layers=6, first_k_dense_replace=0, n_routed_experts=32, num_experts_per_tok=3)


def edit_tensors(path, change):
    """Of a safetensors file in f32, in place: change(name, shape, mapped array)."""
    with open(path, 'rb') as file:
        n = struct.unpack('<Q', file.read(8))[0]
        header = json.loads(file.read(n))
    for name, entry in header.items():
        if name != '__metadata__':
            begin, end = entry['data_offsets']
            array = np.memmap(path, np.float32, 'r+', 8 + n + begin, ((end - begin) // 4,))
            change(name, entry['shape'], array)


def make_heads(folder, name, geometry, noise):
    """A model whose layers add nothing, so that what comes next depends on the last token alone, and a layer that says so of the
    next token but for some noise: the time of a real one of these sizes, and a share accepted that is chosen here."""
    target = folder / name
    if not target.exists():
        (folder / 'config.json').write_text(json.dumps(geometry))
        subprocess.run([TRILL, 'synth', folder / 'config.json', '--to', 'f32', '--ahead', '-o', target, '--no-ledger', '-q'], check=True)
        random = np.random.default_rng(1)

        def change(name, shape, array):
            if name.endswith(('o_proj.weight', 'down_proj.weight')):
                array[:] = 0
            elif name.endswith(('enorm.weight', 'hnorm.weight', 'shared_head.norm.weight', 'model.norm.weight')):
                array[:] = 1
            elif name.endswith('eh_proj.weight'):
                width = shape[0]
                array[:] = np.concatenate([np.eye(width), noise * random.standard_normal((width, width)) / width ** 0.5], 1).reshape(-1)
        for part in sorted(target.glob('*.safetensors')):
            edit_tensors(part, change)
    return target


# --- servers ------------------------------------------------------------------------------------------------------------------

@contextlib.contextmanager
def serving(model, port, arguments):
    process = subprocess.Popen([TRILL, 'serve', model, '--port', str(port), '-q', '--no-ledger', *map(str, arguments)], stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            time.sleep(0.1)
            with contextlib.suppress(OSError):
                if post(port, '/v1/chat/completions', dict(messages=[dict(role='user', content='Hi')], max_tokens=1))[0] == 200:
                    break
        yield port
    finally:
        process.terminate()
        process.wait()


def post(port, path, body):
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=600)
    connection.request('POST', path, json.dumps(body), {'Content-Type': 'application/json'})
    answer = connection.getresponse()
    text = answer.read()
    return answer.status, json.loads(text)


def ask(port, request):
    status, answer = post(port, '/v1/completions' if 'prompt' in request else '/v1/chat/completions', request)
    assert status == 200, answer
    choice, timings = answer['choices'][0], answer.get('timings', {}) | answer.get('usage', {})
    return choice.get('text') or choice['message']['content'], answer['usage']['completion_tokens'], timings.get('draft_n', 0), timings.get('draft_n_accepted', 0)


def ask_all(port, requests, width):
    """All requests, `width` at a time."""
    results = [None] * len(requests)

    def work(first):
        for i in range(first, len(requests), width):
            results[i] = ask(port, requests[i])
    began = time.monotonic()
    threads = [threading.Thread(target=work, args=(i,)) for i in range(width)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.monotonic() - began, results


# --- cases --------------------------------------------------------------------------------------------------------------------

def chats(prompts, temperature, tokens, **more):
    return [dict(messages=[dict(role='user', content=prompt)], temperature=temperature, seed=i, max_tokens=tokens, **more) for i, prompt in enumerate(prompts)]


def cases(options, folder):
    model, wide = options.model, options.wide
    schema = dict(response_format=dict(type='json_schema', json_schema=dict(name='person', schema=SCHEMA)))
    people = [f'Invent a customer number {i}, as JSON.' for i in range(4)]
    raw = [dict(prompt=[5 + (i * 31 + k * 7) % 200 for k in range(40)], temperature=0.3, seed=i, max_tokens=120, ignore_eos=True) for i in range(3)]
    short = [raw[0] | dict(max_tokens=48)]
    heads, streamed = folder / 'heads', folder / 'streamed'
    # name: model, its arguments, drafts, requests, width; every turn has other seeds
    return {
        'ngram, edit': (model, [], ['ngram'], chats(EDIT, 0, 120), 1),
        'ngram, code': (model, [], ['ngram'], chats(CODING, 0, 160), 1),
        'ngram, prose': (model, [], ['ngram'], chats(PROSE, 0, 120), 1),
        'ngram, prose, temperature 1': (model, [], ['ngram'], chats(PROSE, 1, 120), 1),
        'answers, asked again': (model, [], ['answers'], chats(PROSE, 0, 120), 1),
        'answers, asked again, temperature 1': (model, [], ['answers'], chats(PROSE, 1, 120), 1),
        'grammar, JSON of a schema, temperature 1': (model, [], ['grammar'], chats(people, 1, 120, **schema), 1),
        'model, prose': (wide, [], ['model', '--draft-model', model], chats(PROSE, 0, 120), 1),
        'model, prose, temperature 1': (wide, [], ['model', '--draft-model', model], chats(PROSE, 1, 120), 1),
        'heads, made for it': (heads, [], ['heads'], raw, 1),
        'auto, edit, 8 at a time': (model, ['--sessions', 8, '-c', 1024], ['auto'], chats(EDIT * 4, 0, 120), 8),
        'auto, prose, 8 at a time': (model, ['--sessions', 8, '-c', 1024], ['auto'], chats((PROSE * 3)[:8], 1, 120), 8),
        'auto, prose, temperature 1': (model, [], ['auto'], chats(PROSE, 1, 120), 1),
        'auto, streamed experts': (streamed, ['--ram', '330M', '-c', 512], ['auto'], short, 1),
        'heads, streamed experts': (streamed, ['--ram', '330M', '-c', 512], ['heads'], short, 1),
        'heads whatever they cost, streamed experts': (streamed, ['--ram', '330M', '-c', 512], ['heads,always'], short, 1),
    }


def measure(name, case, rounds):
    model, arguments, drafts, requests, width = case
    samples = {'off': [], 'on': []}
    counts = [0, 0, 0]
    with serving(model, 18431, [*arguments, '--draft', 'off']) as off, serving(model, 18432, [*arguments, '--draft', *drafts]) as on:
        for turn in range(rounds + 1):                           # the first warms prompts and prices
            answers = {}
            for which, port in (('off', off), ('on', on)) if turn % 2 else (('on', on), ('off', off)):
                seconds, answers[which] = ask_all(port, [r | dict(seed=r['seed'] + 100 * turn) for r in requests], width)
                if turn:
                    samples[which].append(seconds)
            assert [a[0] for a in answers['off']] == [a[0] for a in answers['on']], f'{name}: the answers differ'
            if turn:
                counts = [counts[i] + sum(a[i + 1] for a in answers['on']) for i in range(3)]
    tokens, drafted, accepted = counts
    return dict(name=name, model=str(model), arguments=[str(a) for a in arguments], drafts=[str(d) for d in drafts], width=width, samples=samples,
                tokens=tokens, drafted=drafted, accepted=accepted)


def table(results):
    lines = ['| kind, task | drafted of 100 tokens | accepted | tokens a step | seconds without | with | without ÷ with | answers |', '|---' * 8 + '|']
    for r in results:
        off, on = statistics.median(r['samples']['off']), statistics.median(r['samples']['on'])
        ratio = statistics.median(a / b for a, b in zip(r['samples']['off'], r['samples']['on']))
        share = f'{100 * r["accepted"] / r["drafted"]:.0f} %' if r['drafted'] else '–'
        lines.append(f'| {r["name"]} | {100 * r["drafted"] / r["tokens"]:.0f} | {share} | {r["tokens"] / (r["tokens"] - r["accepted"]):.2f} | '
                     f'{off:.2f} | {on:.2f} | **{ratio:.2f}** | the same |')
    return '\n'.join(lines)


def write(results):
    record = dict(commit=git('describe', '--always', '--dirty', '--abbrev=12'), machine=machine(), results=results)
    place = ROOT / 'bench/records' / f'{datetime.date.today().isoformat()}-drafts'
    head = f'# Drafts, {datetime.date.today().isoformat()}\n\nCommit {record["commit"]}; {record["machine"]["cpu"]}, {record["machine"]["cores"]} cores.'
    place.with_suffix('.json').write_text(json.dumps(record, indent=1) + '\n')
    place.with_suffix('.md').write_text(f'{head}\n\n{table(results)}\n')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--model', type=pathlib.Path, required=True)
    parser.add_argument('--wide', type=pathlib.Path, required=True)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--noise', type=float, default=0.1, help='of the layer made for heads')
    parser.add_argument('--only', nargs='*')
    parser.add_argument('--keep', type=pathlib.Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = options.keep or pathlib.Path(folder)
        wanted = {name: case for name, case in cases(options, folder).items() if not options.only or any(word in name for word in options.only)}
        if any('heads' in name for name in wanted):
            make_heads(folder, 'heads', HEADS, options.noise)
        if any('streamed' in name for name in wanted):
            make_heads(folder, 'streamed', STREAMED, options.noise)
        results = []
        for name, case in wanted.items():
            results.append(measure(name, case, options.rounds))
            print(table(results[-1:]).split('\n')[-1], flush=True)
            if not options.only:
                write(results)
if __name__ == '__main__':
    main()
