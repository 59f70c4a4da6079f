#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Losses and gradients of LoRA adapters that PEFT and PyTorch compute on golden models.

  lora_gradients.py             needs torch, transformers, peft, safetensors

gradients/lora-CASE.safetensors holds A and B of every adapted matrix under PEFT's names, the gradient of each under "gradient."
and its name, and under __metadata__ "loss". The documents and the loss are those of gradients.py.
"""
import json
import numpy as np, torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from gradients import HERE, load, loss_of

ATTENTION = ['q_proj', 'k_proj', 'v_proj', 'o_proj']
CASES = {'llama': ATTENTION + ['gate_proj', 'up_proj', 'down_proj'], 'qwen3': ['q_proj', 'v_proj', 'down_proj'], 'qwen3_moe': ATTENTION,
         'gemma3': ATTENTION + ['up_proj']}


def main():
    torch.set_num_threads(1)
    for seed, (case, targets) in enumerate(CASES.items()):
        model = get_peft_model(load(case), LoraConfig(task_type='CAUSAL_LM', r=4, lora_alpha=6, target_modules=targets))
        random, tensors = np.random.default_rng(seed), {}
        adapted = [(name.replace('.default', ''), p) for name, p in sorted(model.named_parameters()) if 'lora_' in name]
        for name, parameter in adapted:
            noise = torch.from_numpy(random.standard_normal(parameter.shape, dtype=np.float32))
            parameter.data = noise * (0.6 / parameter.shape[-1] ** 0.5)
        loss = loss_of(model, json.loads((HERE / case / 'tokens.json').read_text()))
        loss.backward()
        for name, parameter in adapted:
            tensors |= {name: parameter.data.contiguous(), 'gradient.' + name: parameter.grad.contiguous()}
        path = HERE / 'gradients' / f'lora-{case}.safetensors'
        save_file(tensors, path, metadata=dict(loss=repr(loss.item())))
        print(case, loss.item(), path.stat().st_size)


main()
