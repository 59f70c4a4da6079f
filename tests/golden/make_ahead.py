#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Layers that predict a further token, and the logits that Hugging Face transformers computes for them in float32.

  make_ahead.py                 needs what make.py needs

transformers leaves these layers out of its models. A model of its own class with the one layer, which is given the joined
inputs in place of embeddings, computes what they compute (DeepSeek-V3, 2024, section 2.2): its norm is the layer's, its head
the model's. Each case is a folder below ahead/: the model of the case of the same name beside this file with the layer added
under its vendor's names, and
  logits.npy     float32 [69, vocab]: row i follows token i and the id behind it
"""
import json, pathlib, shutil
import numpy as np, torch
import transformers as T
from safetensors.torch import load_file, save_file

import make

CASES = {'glm4_moe': (T.Glm4MoeForCausalLM, dict(first_k_dense_replace=0)),
         'deepseek_v3': (T.DeepseekV3ForCausalLM, dict(first_k_dense_replace=0)),
         'qwen3_next': (T.Qwen3NextForCausalLM, dict(layer_types=['full_attention']))}


def norm(x, weight, epsilon, add):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + epsilon) * (weight + add)


def vendor_names(case, n_layers):
    """From names of the model of one layer to those of a vendor's file, and the names of what joins."""
    if case == 'qwen3_next':
        return {'model.layers.0.': 'mtp.layers.0.', 'model.norm.weight': 'mtp.norm.weight'}, \
               ('mtp.pre_fc_norm_embedding.weight', 'mtp.pre_fc_norm_hidden.weight', 'mtp.fc.weight')
    own = f'model.layers.{n_layers}.'
    return {'model.layers.0.': own, 'model.norm.weight': own + 'shared_head.norm.weight'}, (own + 'enorm.weight', own + 'hnorm.weight', own + 'eh_proj.weight')


def layer_tensors(path, model, case, n_layers, random):
    """Of the vendor's file: the layer's own and what joins. Experts lie one by one, as in the model's file."""
    model.save_pretrained(path)
    tensors = load_file(path / 'model.safetensors')
    shutil.rmtree(path)
    names, joins = vendor_names(case, n_layers)
    named = {new + name[len(old):]: tensor for name, tensor in tensors.items() for old, new in names.items() if name.startswith(old)}
    width = model.config.hidden_size
    for name in joins[:2]:
        named[name] = torch.from_numpy((0.2 * random.standard_normal(width) + (0 if case == 'qwen3_next' else 1)).astype(np.float32))
    named[joins[2]] = torch.from_numpy((random.standard_normal((width, 2 * width)) / width ** 0.5).astype(np.float32))
    return named, [named[name] for name in joins]


def write(case):
    kind, changes = CASES[case]
    source, folder = make.HERE / case, make.HERE / 'ahead' / case
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    main = kind.from_pretrained(source, attn_implementation='eager', dtype=torch.float32).eval()
    config = type(main.config)(**main.config.to_dict() | changes | dict(num_hidden_layers=1))
    config._attn_implementation = 'eager'
    ahead = kind(config).eval()
    make.randomise(ahead, 77)
    ahead.lm_head.weight.data = main.lm_head.weight.data
    n_layers = main.config.num_hidden_layers
    named, (embed_norm, state_norm, join) = layer_tensors(folder / 'layer', ahead, case, n_layers, np.random.default_rng(78))
    ids = json.loads((source / 'tokens.json').read_text())
    add, epsilon = (1 if case == 'qwen3_next' else 0), main.config.rms_norm_eps
    with torch.no_grad():
        said = main.model(torch.tensor([ids])).last_hidden_state[0]
        embedded = main.model.embed_tokens(torch.tensor(ids))
        joined = torch.cat([norm(embedded[1:], embed_norm, epsilon, add), norm(said[:-1], state_norm, epsilon, add)], -1) @ join.T
        logits = ahead(inputs_embeds=joined[None]).logits[0]
    for name in ('tokenizer.json', 'tokenizer_config.json', 'tokens.json'):
        shutil.copy(source / name, folder)
    settings = json.loads((source / 'config.json').read_text()) | dict(num_nextn_predict_layers=1)
    (folder / 'config.json').write_text(json.dumps(settings, indent=2) + '\n')
    save_file(load_file(source / 'model.safetensors') | named, folder / 'model.safetensors', metadata={'format': 'pt'})
    np.save(folder / 'logits.npy', logits.numpy())


if __name__ == '__main__':
    torch.set_num_threads(1)
    for case in CASES:
        write(case)
