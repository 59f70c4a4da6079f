#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The vectors of the small models' ids in tokens.json: NAME/embedding.npy, float32 [width], the mean of the last hidden states
(behind the last norm) of Hugging Face transformers in float32, of length 1.

  make_embeddings.py            needs torch, transformers, numpy
"""
import json, pathlib
import numpy as np, torch, transformers as T

HERE = pathlib.Path(__file__).resolve().parent
for name in ['llama', 'gemma3', 'qwen3_5']:
    ids = json.loads((HERE / name / 'tokens.json').read_text())
    model = T.AutoModelForCausalLM.from_pretrained(HERE / name, dtype=torch.float32, attn_implementation='eager').eval()
    with torch.no_grad():
        hidden = model.model(torch.tensor([ids])).last_hidden_state[0].numpy().astype(np.float64)
    mean = hidden.mean(0)
    np.save(HERE / name / 'embedding.npy', (mean / np.linalg.norm(mean)).astype(np.float32))
    print(name, hidden.shape)
