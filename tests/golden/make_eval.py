#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What an evaluation of the small models must find: eval/expected.json, from the logits of Hugging Face transformers in float32
and NumPy in float64.

  make_eval.py                  needs torch, transformers, numpy

eval/text.txt is cut into windows of 64 tokens every 48; each token is scored once, in the first window that reaches it, and the
first of the text never is. The reference is qwen3. Tasks: eval/tasks.jsonl, choices by their log-likelihood, raw and by bytes.
"""
import json, pathlib
import numpy as np, torch, transformers as T

HERE = pathlib.Path(__file__).resolve().parent
MODELS, REFERENCE, WINDOW, STRIDE = ['llama', 'qwen2', 'qwen3'], 'qwen3', 64, 48
tokenizer = T.PreTrainedTokenizerFast(tokenizer_file=str(HERE / 'llama/tokenizer.json'))
encode = lambda text: tokenizer.encode(text, add_special_tokens=False)


def log_softmax(logits):
    x = logits.astype(np.float64)
    x -= x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def load(name):
    return T.AutoModelForCausalLM.from_pretrained(HERE / name, dtype=torch.float32, attn_implementation='eager').eval()


def rows(model, ids):
    with torch.no_grad():
        return log_softmax(model(torch.tensor([ids])).logits[0].numpy())


def text_rows(model, ids):
    """(targets, ln p of all ids)"""
    scored, targets, found = 1, [], []
    for at in range(0, len(ids), STRIDE):
        end = min(at + WINDOW, len(ids))
        if scored >= end:
            break
        logp = rows(model, ids[at:end - 1])
        found.append(logp[scored - 1 - at:])
        targets += ids[scored:end]
        scored = end
    return np.array(targets), np.concatenate(found)


def mean(values):
    values = np.asarray(values, np.float64)
    return values.mean(), values.std(ddof=1) / np.sqrt(len(values))


def choose(model, line):
    task, before = json.loads(line), encode(json.loads(line)['prompt'])
    sums = []
    for choice in task['choices']:
        ids = encode(task['prompt'] + choice)
        start = next((i for i, (a, b) in enumerate(zip(before, ids)) if a != b), min(len(before), len(ids) - 1))
        logp = rows(model, ids[:-1])
        sums.append(sum(logp[i - 1, ids[i]] for i in range(max(start, 1), len(ids))))
    by_bytes = [s / len(c.encode()) for s, c in zip(sums, task['choices'])]
    return int(np.argmax(by_bytes)) == task['answer'], int(np.argmax(sums)) == task['answer']


ids = encode((HERE / 'eval/text.txt').read_text())
lines = (HERE / 'eval/tasks.jsonl').read_text().splitlines()
_, reference = text_rows(load(REFERENCE), ids)
report = []
for name in MODELS:
    model = load(name)
    targets, logp = text_rows(model, ids)
    nll = -logp[np.arange(len(targets)), targets]
    kl = (np.exp(reference) * (reference - logp)).sum(-1)
    chosen = np.array([choose(model, line) for line in lines], float)
    row = {'model': name, 'tokens': len(targets)}
    for key, values in [('nll', nll), ('kl', kl), ('agreement', (logp.argmax(-1) == reference.argmax(-1)).astype(float)),
                        ('choices', chosen[:, 0]), ('choices_raw', chosen[:, 1])]:
        row[key], row[key + '_se'] = mean(values)
    report.append(row)
(HERE / 'eval/expected.json').write_text(json.dumps(report, indent=1) + '\n')
