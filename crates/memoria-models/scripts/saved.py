#!/usr/bin/env python3
"""Reads with PyTorch what `save_pretrained` wrote, and compares what the models come to.

Needs cargo and the packages torch, transformers and safetensors. Has the ignored test `for_pytorch` of
tests/saving.rs write models; plain ones are then loaded with transformers, GPT-2 with a memory into
`reference.py`'s, every parameter of which must be in the file.
"""

import json
import os
import subprocess
import tempfile
from pathlib import Path

import torch
import transformers
from reference import Gpt2, Memory
from safetensors.torch import load_file

CRATE = Path(__file__).resolve().parents[1]
TOLERANCE = 1e-4


def write(folder):
    command = "cargo test --release --workspace --test saving -- --ignored --exact for_pytorch"
    environment = {**os.environ, "MEMORIA_SAVED": str(folder)}
    subprocess.run(command.split(), check=True, cwd=CRATE.parents[1], env=environment)


def plain(folder, model_class):
    model, told = model_class.from_pretrained(folder, output_loading_info=True)
    kinds = ("missing_keys", "unexpected_keys", "mismatched_keys")
    assert not any(told[kind] for kind in kinds), told
    model.eval()
    return lambda input_ids: model(input_ids=input_ids).logits


def with_memory(folder):
    config = json.loads((folder / "config.json").read_text())
    model, memory = Gpt2(config), Memory(config)
    tensors = load_file(folder / "model.safetensors")
    head = tensors.pop("lm_head.weight", None)
    model.load_state_dict(tensors, strict=True)
    assert (head is None) == config["tie_word_embeddings"]

    def run(input_ids):
        logits, _ = model(input_ids, memory)
        return logits if head is None else memory.previous @ head.T

    return run


def main():
    with tempfile.TemporaryDirectory() as folder:
        write(folder)
        for saved in sorted(Path(folder).iterdir()):
            if saved.name.startswith("gpt2-true"):
                run = with_memory(saved)
            elif saved.name.startswith("gpt2"):
                run = plain(saved, transformers.GPT2LMHeadModel)
            elif saved.name == "bert":
                run = plain(saved, transformers.BertForSequenceClassification)
            else:
                run = plain(saved, transformers.RobertaForSequenceClassification)
            told = json.loads((saved / "told.json").read_text())
            with torch.no_grad():
                outputs = [run(torch.tensor(ids).reshape(2, -1)).flatten() for ids in told["inputs"]]
            difference = (torch.cat(outputs) - torch.tensor(told["outputs"])).abs().max().item()
            print(f"{saved.name}: {difference:.1e}")
            assert difference < TOLERANCE


if __name__ == "__main__":
    main()
