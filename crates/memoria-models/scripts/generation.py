#!/usr/bin/env python3
"""Writes into tests/data/generation.json what transformers' `generate` and its logits processors come to.

Needs the packages torch and transformers. `greedy`: prompts, of which the shorter are padded on the left, and the
tokens that the small GPT-2 in the root's tests/data/models/gpt2 goes on with, until a stop token where there is
one. `distributions`: logits, settings, and the probability of every token.
"""

import json
from pathlib import Path

import torch
import transformers
from transformers.generation import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

HERE = Path(__file__).resolve().parents[1]
CHECKPOINT = HERE.parents[1] / "tests/data/models/gpt2"


def greedy(model, prompts, max_new_tokens, stop_tokens):
    width = max(map(len, prompts))
    input_ids = torch.tensor([[0] * (width - len(prompt)) + prompt for prompt in prompts])
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    output = model.generate(
        input_ids=input_ids,
        attention_mask=mask,
        do_sample=False,
        max_new_tokens=max_new_tokens,
        eos_token_id=stop_tokens or None,
        pad_token_id=0,
    )
    rows = []
    for row in output[:, width:].tolist():
        ends = [at + 1 for at, token in enumerate(row) if token in stop_tokens]
        rows.append(row[: ends[0]] if ends else row)
    return {"prompts": prompts, "max_new_tokens": max_new_tokens, "stop_tokens": stop_tokens, "tokens": rows}


def distribution(logits, temperature, top_k, top_p):
    scores = logits[None] if temperature == 1 else TemperatureLogitsWarper(temperature)(None, logits[None])
    if top_k is not None:
        scores = TopKLogitsWarper(top_k)(None, scores)
    if top_p < 1:
        scores = TopPLogitsWarper(top_p)(None, scores)
    return {
        "logits": logits.tolist(),
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "probabilities": scores[0].softmax(-1).tolist(),
    }


def main():
    model = transformers.GPT2LMHeadModel.from_pretrained(CHECKPOINT).eval()
    model.generation_config.eos_token_id = None
    generator = torch.Generator().manual_seed(3)

    def prompt(length):
        return torch.randint(101, [length], generator=generator).tolist()

    alone = greedy(model, [prompt(5)], 27, [])
    stop = alone["tokens"][0][6]
    runs = [
        alone,
        greedy(model, [prompt(1)], 31, []),
        greedy(model, [prompt(12)] * 2 + [prompt(12)], 20, []),
        greedy(model, [prompt(3), prompt(9), prompt(1), prompt(14)], 18, []),
        greedy(model, [alone["prompts"][0], prompt(8), prompt(2)], 20, [stop, 17]),
    ]
    distributions = []
    for temperature, top_k, top_p in [
        (1.0, None, 1.0),
        (0.5, None, 1.0),
        (1.7, 5, 1.0),
        (1.0, 1, 1.0),
        (1.0, None, 0.9),
        (0.8, None, 0.3),
        (1.0, None, 0.001),
        (0.8, 7, 0.8),
        (2.5, 30, 0.95),
        (1.0, 1000, 0.6),
    ]:
        logits = 3 * torch.randn(40, generator=generator)
        distributions.append(distribution(logits, temperature, top_k, top_p))
    text = json.dumps({"greedy": runs, "distributions": distributions})
    (HERE / "tests/data/generation.json").write_text(text + "\n")
    for run in runs:
        print([len(row) for row in run["tokens"]], run["stop_tokens"])


if __name__ == "__main__":
    main()
