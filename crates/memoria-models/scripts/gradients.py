#!/usr/bin/env python3
"""Writes the gradients of one training step of GPT-2 with a memory, as PyTorch has them, into tests/data.

Needs the packages torch and safetensors. Per gradient window a folder: a checkpoint, `segments.json` with the
tokens and the loss of the step, and `gradient`, a checkpoint of the gradients under the parameters' names.
The loss is the cross-entropy of every token but the first of a segment, summed over segments, of which each is
a mean over rows and tokens.
"""

import json
from pathlib import Path

import torch
from reference import Gpt2, Memory
from safetensors.torch import save_file
from torch.nn import functional as F

DATA = Path(__file__).resolve().parents[1] / "tests/data"
CONFIG = {
    "model_type": "gpt2_with_memoria",
    "vocab_size": 23,
    "n_positions": 8,
    "n_embd": 16,
    "n_layer": 2,
    "n_head": 2,
    "resid_pdrop": 0.0,
    "embd_pdrop": 0.0,
    "attn_pdrop": 0.0,
    "memoria_num_memories": 3,
    "memoria_lifespan_extend_scale": 2.5,
    "memoria_num_reminded_stm": 2,
    "memoria_num_reminded_ltm": 2,
    "memoria_stm_capacity": 4,
    "memoria_ltm_search_depth": 3,
    "memoria_initial_lifespan": 3,
}


def write(bptt):
    torch.manual_seed(bptt)
    config = {**CONFIG, "memoria_bptt": bptt}
    model = Gpt2(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.15 * torch.randn_like(parameter))
    segments = torch.randint(CONFIG["vocab_size"], [6, 2, 8])
    memory, losses = Memory(config, bptt), []
    reminded = []
    for input_ids in segments:
        logits, told = model(input_ids, memory)
        losses.append(F.cross_entropy(logits[:, :-1].flatten(0, 1), input_ids[:, 1:].flatten()))
        reminded.append([[engram.number for engram in engrams] for engrams, _ in told or []])
    loss = sum(losses)
    loss.backward()
    folder = DATA / f"gradients-window-{bptt}"
    (folder / "gradient").mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    told = {"loss": loss.item(), "segments": segments.tolist(), "reminded": reminded}
    (folder / "segments.json").write_text(json.dumps(told) + "\n")
    parameters = dict(model.named_parameters())
    save_file({name: p.detach() for name, p in parameters.items()}, folder / "model.safetensors", {"format": "pt"})
    gradients = {name: p.grad.contiguous() for name, p in parameters.items()}
    save_file(gradients, folder / "gradient/model.safetensors", {"format": "pt"})
    norms = {name: gradient.norm().item() for name, gradient in gradients.items()}
    print(bptt, loss.item(), norms["transformer.abs.query_embeddings"], norms["transformer.abs.output.weight"])


if __name__ == "__main__":
    for window in (0, 1, 3):
        write(window)
