#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A training step of trill beside PyTorch's: the same student, window, batch and optimiser, f32, the same threads, in turns.

  bench/train.py [--python PYTHON] [--size 30M] [--window 512] [--batch 8] [--threads 2] [--rounds 3] [--steps 3]
                 [--vocab FILE] [--trill build/trill] [--no-record] [--name train]

PYTHON is an interpreter with torch and transformers (by default this one). Every turn is a process of its own. trill's is
`trill train` on this repository's texts, timed by itself over its steps alone; PyTorch's is LlamaForCausalLM in eager mode with
its own attention (sdpa), the fused AdamW and clipping, timed behind one step of warming up; once with all windows of the
batch together, and once window by window with gradients added up, since either may be the faster. Words are as many as the
vocabulary has; what the ids are changes no time. Medians of the turns; ratio to the faster of the two.
Writes bench/records/DATE-NAME.json (raw samples, commands, machine) and DATE-NAME.md.
"""
import argparse, datetime, json, os, pathlib, statistics, subprocess, sys, tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from peers import CACHE, ROOT, git, machine, run_json

WAYS = {'PyTorch, whole batch': 0, 'PyTorch, window by window': 1}


# --- PyTorch, in a process of its own --------------------------------------------------------------------------------

def torch_turn(facts):
    import time
    import torch
    import transformers

    torch.set_num_threads(facts['threads'])
    torch.manual_seed(0)
    heads = facts['width'] // 64
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(
        vocab_size=facts['vocabulary'], hidden_size=facts['width'], intermediate_size=facts['ff'], num_hidden_layers=facts['layers'],
        num_attention_heads=heads, num_key_value_heads=heads, max_position_embeddings=2048, rms_norm_eps=1e-5, tie_word_embeddings=True,
        attn_implementation='sdpa')).float().train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    window, batch, together = facts['window'], facts['batch'], facts['together'] or facts['batch']
    seconds = []
    for step in range(facts['steps'] + 1):
        ids = torch.randint(0, facts['vocabulary'], (batch, window + 1))
        began = time.perf_counter()
        optimiser.zero_grad()
        for at in range(0, batch, together):
            part = ids[at:at + together]
            logits = model(input_ids=part[:, :-1], use_cache=False).logits
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), part[:, 1:].flatten())
            (loss * len(part) / batch).backward()
            del logits, loss
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        seconds.append(time.perf_counter() - began)
    parameters = sum(p.numel() for p in model.parameters())
    print(json.dumps({'seconds': seconds[1:], 'parameters': parameters, 'torch': torch.__version__, 'transformers': transformers.__version__}))


# --- turns -----------------------------------------------------------------------------------------------------------

def write_text(path, tokens):
    """Texts of this repository, as one document with more tokens than are asked for."""
    text = ''
    for file in sorted((ROOT / 'src').rglob('*.c')) + sorted((ROOT / 'docs').glob('*.md')):
        text += file.read_text()
        if len(text) > 8 * tokens:
            break
    path.write_text(text)


def trill_command(options, folder):
    tokens = options.steps * options.batch * options.window
    return [options.trill, 'train', '--size', options.size, '--vocab', options.vocab, '--text', folder / 'text', '--tokens', tokens, '--window',
            options.window, '--batch', options.batch, '-t', options.threads, '--held', 0, '--interval', 1000000, '--no-ledger', '--force', '-q',
            '--json', '-o', folder / 'out.gguf']


def measure(options, folder):
    forecast = run_json([options.trill, 'train', '--size', options.size, '--vocab', options.vocab, '--tokens', 1000000, '--forecast', '-q', '--json'])
    facts = {'width': forecast['width'], 'layers': forecast['layers'], 'vocabulary': forecast['vocabulary'], 'window': options.window,
             'batch': options.batch, 'threads': options.threads, 'steps': options.steps}
    facts['ff'] = (facts['width'] * 8 // 3 + 32) // 64 * 64
    sides = {'trill': {'step_seconds': [], 'reports': []}}
    sides |= {name: {'step_seconds': [], 'samples': []} for name in WAYS}
    for turn in range(options.rounds):
        report = run_json(trill_command(options, folder))
        sides['trill']['step_seconds'].append(options.batch * options.window / report['tokens_per_s'])
        sides['trill']['reports'].append({key: report[key] for key in ('tokens_per_s', 'operations_per_s', 'f32_peak', 'peak_share', 'peak_bytes', 'parameters')})
        for name, together in WAYS.items():
            result = run_json([options.python, __file__, '--torch-turn', json.dumps(facts | {'together': together})])
            sides[name]['step_seconds'].append(statistics.median(result['seconds']))
            sides[name]['samples'].append(result)
            if result['parameters'] != report['parameters']:
                sys.exit(f'{name} has {result["parameters"]} parameters, trill {report["parameters"]}: these are two models')
        print(f'turn {turn + 1}: ' + ', '.join(f'{name} {side["step_seconds"][-1]:.3f} s' for name, side in sides.items()), file=sys.stderr)
    for side in sides.values():
        side['median'] = statistics.median(side['step_seconds'])
    return facts, sides


def page(record):
    m, f, sides = record['machine'], record['facts'], record['sides']
    trill = sides['trill']
    torch = min(sides[name]['median'] for name in WAYS)
    last = trill['reports'][-1]
    versions = sides[next(iter(WAYS))]['samples'][0]
    lines = [f'# A training step beside PyTorch, {record["date"]}', '',
             f'Commit {record["commit"]}; {m["cpu"]}, {m["cores"]} cores, {m["memory_bytes"] / 2**30:.0f} GiB, Linux {m["kernel"]}; load {m["load"][0]:.2f} '
             f'at the start, {record["load_at_end"][0]:.2f} at the end. PyTorch {versions["torch"]}, transformers {versions["transformers"]}.', '',
             f'A student of {last["parameters"] / 1e6:.1f} million weights ({f["layers"]} layers of width {f["width"]}, {f["vocabulary"]} words), '
             f'{f["batch"]} windows of {f["window"]} tokens a step, f32, {f["threads"]} threads; medians of {len(trill["step_seconds"])} turns of '
             f'{f["steps"]} steps.', '', '| | seconds a step | tokens/s | samples |', '|---|---|---|---|']
    for name, side in sides.items():
        samples = ', '.join(f'{s:.3f}' for s in side['step_seconds'])
        lines.append(f'| {name} | {side["median"]:.3f} | {f["batch"] * f["window"] / side["median"]:.0f} | {samples} |')
    share = statistics.median(r['peak_share'] for r in trill['reports'])
    lines += ['', f'trill ÷ the faster PyTorch: **{torch / trill["median"]:.2f}**. Of the f32 peak ({last["f32_peak"] / 1e9:.0f} GFLOPS, measured behind each '
              f'turn) the whole step reaches {share:.0%}; peak memory {last["peak_bytes"] / 2**20:.0f} MiB.']
    return '\n'.join(lines) + '\n'


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--python', default=sys.executable)
    parser.add_argument('--trill', type=pathlib.Path, default=ROOT / 'build/trill')
    parser.add_argument('--vocab', type=pathlib.Path, default=CACHE / 'smollm2-135m-instruct.gguf')
    parser.add_argument('--size', default='30M')
    parser.add_argument('--window', type=int, default=512)
    parser.add_argument('--batch', type=int, default=8)
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--steps', type=int, default=3)
    parser.add_argument('--no-record', action='store_true')
    parser.add_argument('--name', default='train', help='of the record')
    parser.add_argument('--torch-turn', help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.torch_turn:
        return torch_turn(json.loads(options.torch_turn))
    record = {'date': datetime.date.today().isoformat(), 'commit': git('describe', '--always', '--dirty', '--exclude=*'), 'machine': machine()}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_text(folder / 'text', options.steps * options.batch * options.window)
        record['command'] = ' '.join(str(word) for word in trill_command(options, pathlib.Path('FOLDER')))
        record['facts'], record['sides'] = measure(options, folder)
    record['load_at_end'] = os.getloadavg()
    print(page(record))
    if not options.no_record:
        place = ROOT / 'bench/records'
        place.mkdir(exist_ok=True)
        text = json.dumps(record, indent=1)
        for long, short in ((str(CACHE), 'CACHE'), (str(ROOT) + '/', '')):
            text = text.replace(long, short)
        (place / f'{record["date"]}-{options.name}.json').write_text(text + '\n')
        (place / f'{record["date"]}-{options.name}.md').write_text(page(record))


if __name__ == '__main__':
    main()
