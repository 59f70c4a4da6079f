#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Losses and gradients that PyTorch computes for the golden models, and the losses of 50 steps of its AdamW.

  gradients.py [CASE ...]       needs torch 2.13, transformers 5.23, safetensors

The 70 ids of a case are documents of 35, 20 and 15 tokens, each followed by the next; the loss is the mean over the 67
tokens that have one. gradients/CASE.safetensors holds the gradient of each tensor under the name that the model's file has
for it, and under __metadata__ "loss" and "losses": before each of 50 steps, and behind the last (rate 1e-3, betas 0.9 and
0.95, epsilon 1e-8, decay 0.1 of matrices but not of the embedding, the norm of the gradient clipped to 1).
"""
import json, pathlib, sys, tempfile
import torch, transformers as T
from safetensors.torch import load_file, save_file

HERE = pathlib.Path(__file__).resolve().parent
CASES = ['llama', 'qwen2', 'qwen3', 'gemma3', 'qwen3_moe', 'glm4_moe', 'deepseek_v3', 'gpt_oss', 'qwen3_5']
DOCUMENTS = [(0, 35), (35, 55), (55, 70)]
STEPS = 50
DOUBLE = ['qwen3_5']       # PyTorch's own float32 of delta nets is off by 2e-5, and its 50 steps by 0.1
LARGE = 1536             # elements; larger tensors are left out where all together are too many to be stored


def loss_of(model, ids):
    total, n = 0, 0
    for begin, end in DOCUMENTS:
        logits = model(input_ids=torch.tensor([ids[begin:end]])).logits[0]
        total = total + torch.nn.functional.cross_entropy(logits[:-1].double(), torch.tensor(ids[begin + 1:end]), reduction='sum')
        n += end - begin - 1
    return total / n


def load(case):
    model = T.AutoModelForCausalLM.from_pretrained(HERE / case, attn_implementation='eager', dtype=torch.float32)
    return model.double() if case in DOUBLE else model


def gradients(case, ids):
    """Under the names of the file: saved in the place of the weights."""
    model = load(case)
    loss = loss_of(model, ids)
    loss.backward()
    for parameter in model.parameters():
        parameter.data = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        found = load_file(pathlib.Path(folder) / 'model.safetensors')
        return loss.item(), {name: tensor.float() for name, tensor in found.items()}


def losses(case, ids):
    model, groups, found = load(case), [dict(params=[], weight_decay=0.1), dict(params=[], weight_decay=0.0)], []
    for name, parameter in model.named_parameters():
        groups[any(word in name for word in ('norm', 'bias', 'sinks', 'embed', 'conv1d', 'A_log'))]['params'].append(parameter)
    optimiser = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95), eps=1e-8)
    for _ in range(STEPS):
        optimiser.zero_grad()
        loss = loss_of(model, ids)
        found.append(loss.item())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    return found + [loss_of(model, ids).item()]


def main():
    torch.set_num_threads(1)
    (HERE / 'gradients').mkdir(exist_ok=True)
    for case in sys.argv[1:] or CASES:
        ids = json.loads((HERE / case / 'tokens.json').read_text())
        loss, found = gradients(case, ids)
        steps = [] if case in DOUBLE else losses(case, ids)
        path = HERE / 'gradients' / f'{case}.safetensors'
        if sum(tensor.nbytes for tensor in found.values()) > 320_000:
            found = {name: tensor for name, tensor in found.items() if tensor.numel() <= LARGE}
        save_file(found, path, metadata=dict(loss=repr(loss), losses=' '.join(f'{one:.9g}' for one in steps)))
        path.chmod(0o644)
        print(case, loss, steps[-1:], path.stat().st_size)


if __name__ == '__main__':
    main()
