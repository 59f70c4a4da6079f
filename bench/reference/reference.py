#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the float32-decoded weights of the two real models say, computed by Hugging Face transformers.

  reference.py smollm2|gemma3 [--threads N]                 writes tests/golden/real/ and the larger arrays in the cache
  reference.py smollm2|gemma3 --peer-logits PROGRAM         adds another engine's figures on the same ids

Committed, in tests/golden/real/ (MODEL is smollm2 or gemma3):
  MODEL.json              the ids of text.txt and its perplexity; five prompts, each with its ids, 64 greedy ids, and for
                          every step the two best ids, their logits and the root mean square of all logits
  MODEL-probe.npy         float32 [5, 64, 32]: the logits of those steps at the ids of "probe_ids", for an estimate of
                          an engine's rms logit error without the full arrays
  MODEL-text-argmax.npy   int32 [n]: the best id after each of the n ids of the text
  MODEL-text-logprob.npy  float32 [n - 1]: natural log-likelihood of id i + 1 after ids 0..i
In $XDG_CACHE_HOME/trill/reference/: MODEL-text.npy, float32 [n, vocab], and MODEL-greedy.npy, float32 [5, 64, vocab].

PROGRAM is called as PROGRAM MODEL.gguf IDS.txt OUT and writes raw float32 logits [n, vocab] (peer-logits.c is one).
"""
import argparse, json, os, pathlib, subprocess, tempfile
import numpy as np

os.environ['TQDM_DISABLE'] = '1'

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / 'tests/golden/real'
CACHE = pathlib.Path(os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache') / 'trill'
STEPS = 64
PROBES = 32

MODELS = {
    'smollm2': ('smollm2-135m-instruct.gguf', [
        'Explain in simple words why the sky is blue.',
        'Write a short story about a lighthouse keeper who finds a letter.',
        'What is the difference between a process and a thread?',
        'Give me a recipe for a vegetable soup, step by step.',
        'Why did the Roman Empire fall? Name several causes.']),
    'gemma3': ('gemma-3-270m.gguf', [
        'The history of the bicycle begins in',
        'Dear Sir or Madam,\n\nI am writing to',
        'def fibonacci(n):\n    """Return the n-th Fibonacci number."""\n',
        'Die Hauptstadt von Frankreich ist Paris. Die Stadt liegt',
        'Photosynthesis is the process by which plants']),
}


def log_likelihoods(logits, ids):
    """float64 [n - 1]; a slice at a time, since all of it in float64 would take several GB."""
    out = np.empty(len(ids) - 1)
    for start in range(0, len(out), 64):
        rows = slice(start, min(start + 64, len(out)))
        shifted = logits[rows].astype(np.float64)
        shifted -= shifted.max(-1, keepdims=True)
        chosen = shifted[np.arange(len(shifted)), ids[rows.start + 1:rows.stop + 1]]
        out[rows] = chosen - np.log(np.exp(shifted).sum(-1))
    return out


def perplexity(logprobs):
    return float(np.exp(-logprobs.mean(dtype=np.float64)))


class Reference:
    def __init__(self, file):
        import torch, transformers
        transformers.utils.logging.disable_progress_bar()
        self.torch = torch
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(CACHE, gguf_file=file)
        self.model = transformers.AutoModelForCausalLM.from_pretrained(
            CACHE, gguf_file=file, dtype=torch.float32, attn_implementation='eager').eval()

    def prompt(self, text):
        """The prompt as the model sees it: through its chat template where it has one, else after BOS."""
        if self.tokenizer.chat_template:
            rendered = self.tokenizer.apply_chat_template([{'role': 'user', 'content': text}],
                                                          add_generation_prompt=True, tokenize=False)
            return rendered, self.tokenizer(rendered, add_special_tokens=False)['input_ids']
        return text, self.tokenizer(text)['input_ids']

    def logits(self, ids):
        with self.torch.no_grad():
            return self.model(self.torch.tensor([ids]), use_cache=False).logits[0].numpy()

    def greedy(self, ids):
        """STEPS ids and the logits that chose them, from one full forward pass over the finished sequence."""
        with self.torch.no_grad():
            out, past, step = [], None, self.torch.tensor([ids])
            for _ in range(STEPS):
                result = self.model(step, past_key_values=past, use_cache=True)
                out.append(int(result.logits[0, -1].argmax()))
                past, step = result.past_key_values, self.torch.tensor([out[-1:]])
        logits = self.logits(ids + out[:-1])[len(ids) - 1:]
        assert logits.argmax(-1).tolist() == out, 'the cached and the full pass disagree: choose another prompt'
        assert self.model.config.eos_token_id not in out, 'the answer ends early: choose another prompt'
        return out, logits


def make(name):
    file, prompts = MODELS[name]
    reference = Reference(file)
    ids = reference.tokenizer((GOLDEN / 'text.txt').read_text())['input_ids']
    logits = reference.logits(ids)
    logprobs = log_likelihoods(logits, ids)
    np.save(CACHE / f'reference/{name}-text.npy', logits)
    np.save(GOLDEN / f'{name}-text-argmax.npy', logits.argmax(-1).astype(np.int32))
    np.save(GOLDEN / f'{name}-text-logprob.npy', logprobs.astype(np.float32))

    vocab = logits.shape[1]
    probe_ids = [vocab * (2 * i + 1) // (2 * PROBES) for i in range(PROBES)]
    cases, steps = [], []
    for text in prompts:
        rendered, prompt_ids = reference.prompt(text)
        answer_ids, logits = reference.greedy(prompt_ids)
        best = np.argsort(-logits, axis=-1, kind='stable')[:, :2]
        cases.append({
            'prompt': text, 'rendered': rendered, 'prompt_ids': prompt_ids, 'ids': answer_ids,
            'text': reference.tokenizer.decode(answer_ids), 'top2_ids': best.tolist(),
            'top2_logits': np.take_along_axis(logits, best, -1).astype(float).round(5).tolist(),
            'rms': np.sqrt((logits.astype(np.float64) ** 2).mean(-1)).round(5).tolist()})
        steps.append(logits)
    np.save(CACHE / f'reference/{name}-greedy.npy', np.stack(steps))
    np.save(GOLDEN / f'{name}-probe.npy', np.stack(steps)[:, :, probe_ids])
    write(name, {'model': file, 'text_ids': ids, 'perplexity': perplexity(logprobs), 'probe_ids': probe_ids, 'greedy': cases})


def add_peer(name, program):
    document = json.loads((GOLDEN / f'{name}.json').read_text())
    ids = document['text_ids']
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        pathlib.Path(scratch, 'ids').write_text(' '.join(map(str, ids)))
        subprocess.run([program, CACHE / document['model'], f'{scratch}/ids', f'{scratch}/logits'], check=True)
        logits = np.fromfile(f'{scratch}/logits', np.float32).reshape(len(ids), -1)
    reference = np.load(CACHE / f'reference/{name}-text.npy', mmap_mode='r')
    document['peer'] = {
        'name': 'llama.cpp',
        'perplexity': perplexity(log_likelihoods(logits, ids)),
        'top1_agreement': float((logits.argmax(-1) == np.load(GOLDEN / f'{name}-text-argmax.npy')).mean()),
        'rms_logit_error': float(np.sqrt(np.mean([((a - b) ** 2).mean() for a, b in zip(logits, reference)]))),
        'rms_logit': float(np.sqrt(np.mean([(b ** 2).mean() for b in reference])))}
    write(name, document)


def write(name, document):
    """Two spaces of indent for the outer levels, lists of numbers on one line."""
    cases = ',\n'.join('  {' + ',\n   '.join(f'{json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}' for k, v in case.items()) + '}'
                       for case in document['greedy'])
    head = ',\n'.join(f' {json.dumps(k)}: {json.dumps(v)}' for k, v in document.items() if k != 'greedy')
    (GOLDEN / f'{name}.json').write_text(f'{{\n{head},\n "greedy": [\n{cases}]\n}}\n')
    print(f'{name}: {len(document["text_ids"])} ids, perplexity {document["perplexity"]:.4f}', document.get('peer', ''))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('model', choices=MODELS)
    parser.add_argument('--threads', type=int, default=os.cpu_count())
    parser.add_argument('--peer-logits', metavar='PROGRAM')
    options = parser.parse_args()
    (CACHE / 'reference').mkdir(parents=True, exist_ok=True)
    GOLDEN.mkdir(parents=True, exist_ok=True)
    if options.peer_logits:
        return add_peer(options.model, options.peer_logits)
    import torch
    torch.set_num_threads(options.threads)
    make(options.model)


main()
