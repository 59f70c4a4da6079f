#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""LoRA adapters of two golden models, and the logits that PEFT computes with them in float32.

  make_adapters.py LLAMA_CPP_SOURCE         needs torch, transformers, peft and what llama.cpp's converter needs

Each folder adapters/CASE-NAME holds adapter_config.json and adapter_model.safetensors as PEFT saves them, logits.npy:
float32 [16, vocab], behind the last 16 of the case's tokens, and adapter.gguf by llama.cpp's convert_lora_to_gguf.py where
that can say the same. llama-all adapts every linear operation, the head too, with ranks that differ by module; llama-few
queries and values, with scales that differ and go by the root of the rank; llama-all/logits-both.npy is of both, the
second half as strong. qwen3-all has the ties and head norms of its family.
"""
import json, pathlib, subprocess, sys
import numpy as np, torch, transformers as T
from peft import LoraConfig, get_peft_model

HERE = pathlib.Path(__file__).resolve().parent
ROWS = 16
LINEAR = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj']
ADAPTERS = {
    'llama-all': dict(r=8, lora_alpha=12, target_modules=LINEAR + ['lm_head'], rank_pattern={'model.layers.1.mlp.up_proj': 3, 'k_proj': 18}),
    'llama-few': dict(r=4, lora_alpha=3, target_modules=['q_proj', 'v_proj'], use_rslora=True,
                      alpha_pattern={'v_proj': 7, 'layers.0.self_attn.q_proj': 1.5}),
    'qwen3-all': dict(r=5, lora_alpha=10, target_modules=LINEAR),
}


def randomise(model, seed):
    random = np.random.default_rng(seed)
    for name, parameter in sorted(model.named_parameters()):
        if 'lora_' in name:
            noise = torch.from_numpy(random.standard_normal(parameter.shape, dtype=np.float32))
            parameter.data = noise * (0.6 / parameter.shape[-1] ** 0.5)


def logits_of(model, case, path):
    ids = torch.tensor([json.loads((HERE / case / 'tokens.json').read_text())])
    with torch.no_grad():
        rows = model(input_ids=ids).logits[0, -ROWS:].float().numpy()
    np.save(path, np.ascontiguousarray(rows))
    return rows


def base_of(case):
    return T.AutoModelForCausalLM.from_pretrained(HERE / case, attn_implementation='eager', dtype=torch.float32).eval()


def make(name, seed, source):
    case, folder = name.split('-')[0], HERE / 'adapters' / name
    folder.mkdir(parents=True, exist_ok=True)
    base = base_of(case)
    ids = torch.tensor([json.loads((HERE / case / 'tokens.json').read_text())])
    with torch.no_grad():
        plain = base(input_ids=ids).logits[0, -ROWS:].numpy()
    model = get_peft_model(base, LoraConfig(task_type='CAUSAL_LM', **ADAPTERS[name])).eval()
    randomise(model, seed)
    model.peft_config['default'].base_model_name_or_path = case
    model.save_pretrained(folder, save_embedding_layers=False)
    (folder / 'README.md').unlink(missing_ok=True)
    rows = logits_of(model, case, folder / 'logits.npy')
    print(f'{name}: deviation {rows.std():.3f}, moved by {(rows - plain).std():.3f}')
    if ADAPTERS[name].get('use_rslora'):                              # what GGUF has no word for
        return
    subprocess.run([sys.executable, source / 'convert_lora_to_gguf.py', '--base', HERE / case, '--outfile', folder / 'adapter.gguf', folder],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_both():
    model = get_peft_model(base_of('llama'), LoraConfig(task_type='CAUSAL_LM', **ADAPTERS['llama-all']))
    folder = HERE / 'adapters'
    model.load_adapter(folder / 'llama-all', 'first')
    model.load_adapter(folder / 'llama-few', 'second')
    model.base_model.set_adapter(['first', 'second'])
    for module in model.modules():
        if isinstance(getattr(module, 'scaling', None), dict) and 'second' in module.scaling:
            module.scaling['second'] *= 0.5
    rows = logits_of(model.eval(), 'llama', folder / 'llama-all' / 'logits-both.npy')
    print(f'both: deviation {rows.std():.3f}')


if __name__ == '__main__':
    torch.set_num_threads(1)
    for at, each in enumerate(ADAPTERS):
        make(each, 100 + at, pathlib.Path(sys.argv[1]))
    make_both()
