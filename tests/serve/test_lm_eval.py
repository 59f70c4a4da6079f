#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""lm-evaluation-harness scores the server through `local-completions`, and nothing but the server is told to it: a local task,
multiple choice by log-likelihoods. Where TRILL_TEST_HF names a Python with torch and transformers, its own Hugging Face back end
scores the same weights, and every log-likelihood must agree.

TRILL_TEST_HF_MODEL with TRILL_TEST_HF_GGUF: a folder of safetensors and the file of the same weights, instead of the golden ones."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
from server import ROOT, TINY, Server, run, with_clients

with_clients("eval")
HF = os.environ.get("TRILL_TEST_HF")
FOLDER = os.environ.get("TRILL_TEST_HF_MODEL", str(pathlib.Path(TINY).parent))
GGUF = os.environ.get("TRILL_TEST_HF_GGUF", TINY)
TOLERANCE = float(os.environ.get("TRILL_TEST_HF_TOLERANCE", "2e-3"))
HERE = pathlib.Path(__file__).parent / "lm_eval"


def evaluate(python, scratch, *model, path=None):
    """What the harness makes of the task: its results, and the log-likelihoods of each choice of each question."""
    tasks = scratch / "tasks"
    tasks.mkdir(exist_ok=True)
    (tasks / "facts.yaml").write_text((HERE / "facts.yaml").read_text().replace("TRILL_FACTS", str(HERE / "facts.jsonl")))
    out = pathlib.Path(tempfile.mkdtemp(dir=scratch))
    env = {**os.environ, "HF_HOME": str(scratch / "hf"), "HF_DATASETS_OFFLINE": "1", "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1",
           "OPENAI_API_KEY": "none", "TOKENIZERS_PARALLELISM": "false"}
    if path:
        env["PYTHONPATH"] = path
    command = [python, "-m", "lm_eval", "run", *model, "--tasks", "trill_facts", "--include_path", str(tasks), "--output_path", str(out), "--log_samples"]
    ended = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert ended.returncode == 0, ended.stdout[-4000:]
    results = json.loads(next(out.rglob("results_*.json")).read_text())["results"]["trill_facts"]
    samples = [json.loads(line) for line in next(out.rglob("samples_*.jsonl")).read_text().splitlines()]
    return results, {sample["doc_id"]: [float(answer[0][0]) for answer in sample["resps"]] for sample in samples}


def test_scores():
    with tempfile.TemporaryDirectory() as folder, Server("--sessions", "2", "--activations", "f32", "--kv", "f32", model=GGUF) as server:
        scratch = pathlib.Path(folder)
        ours, likelihoods = evaluate(sys.executable, scratch, "--model", "local-completions", "--model_args",
                                     f"model=any,base_url={server.url}/v1/completions,tokenized_requests=True,num_concurrent=2,max_length=256")
        print({name: ours[name] for name in ("acc,none", "acc_norm,none")})
        assert len(likelihoods) == 20 and all(len(choices) == 4 and all(value < 0 for value in choices) for choices in likelihoods.values())
        if not HF:
            print("TRILL_TEST_HF names no Python with torch and transformers: not compared with the harness's own back end")
            return
        theirs, expected = evaluate(HF, scratch, "--model", "hf", "--model_args", f"pretrained={FOLDER},dtype=float32,add_bos_token=False",
                                    "--device", "cpu", path=os.environ.get("TRILL_TEST_HF_PATH"))
        worst = max(abs(a - b) for doc, values in expected.items() for a, b in zip(values, likelihoods[doc]))
        print({name: theirs[name] for name in ("acc,none", "acc_norm,none")}, "largest difference of a log-likelihood", worst)
        assert worst < TOLERANCE, worst
        assert ours["acc,none"] == theirs["acc,none"] and ours["acc_norm,none"] == theirs["acc_norm,none"]


run(dict(globals()))
