#!/usr/bin/env python3
"""Times GPT-2 with the Python package's memory in PyTorch on the workloads of models.json, as model.rs times ours.

Needs the packages torch and memoria-pytorch, whose `Memoria` and `Abstractor` it uses. The model is that of the
package's experiments, with the same parameters as ours. Prints one JSON object per workload and mode.

Attention of tokens to tokens is torch's fused one, unless `--attention explicit` asks for products and a
softmax, as the experiments have it. Attention to memories is explicit in any case: its weights are needed.
"""

import argparse
import json
import resource
import statistics
import time
from pathlib import Path

import torch
from memoria import Abstractor, Memoria
from torch import nn
from torch.nn import functional as F

LEARNING_RATE = 2e-4
QUICK = dict(
    batch=2, segment=16, n_embd=32, n_layer=2, num_memories=4, num_reminded_stm=6, stm_capacity=8,
    num_final_ltms=6, steps=6,
)


class Attention(nn.Module):
    def __init__(self, d_model, heads, dropout, to_memories, fused):
        super().__init__()
        self.heads, self.to_memories, self.fused = heads, to_memories, fused
        if to_memories:
            self.q_attn = nn.Linear(d_model, d_model)
        self.c_attn = nn.Linear(d_model, (2 if to_memories else 3) * d_model)
        self.c_proj = nn.Linear(d_model, d_model)
        self.attn_dropout = nn.Dropout(dropout)
        self.resid_dropout = nn.Dropout(dropout)

    def split(self, x):
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, x, memories=None, mask=None):
        """What is added to x, and the weights if they are explicit; `mask` is added to the scores."""
        if self.to_memories:
            query = self.q_attn(x)
            key, value = self.c_attn(memories).chunk(2, dim=-1)
        else:
            query, key, value = self.c_attn(x).chunk(3, dim=-1)
        query, key, value = self.split(query), self.split(key), self.split(value)
        if self.fused and not self.to_memories:
            rate = self.attn_dropout.p if self.training else 0.0
            attended = F.scaled_dot_product_attention(query, key, value, is_causal=True, dropout_p=rate)
            weights = None
        else:
            scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
            if mask is not None:
                scores = scores + mask
            weights = scores.softmax(-1)
            attended = self.attn_dropout(weights) @ value
        attended = attended.transpose(1, 2).flatten(-2)
        return self.resid_dropout(self.c_proj(attended)), weights


class Block(nn.Module):
    def __init__(self, d_model, heads, dropout, fused):
        super().__init__()
        self.ln_1, self.ln_2, self.ln_working, self.ln_reminded = (nn.LayerNorm(d_model) for _ in range(4))
        self.attention = Attention(d_model, heads, dropout, False, fused)
        self.memory_attention = Attention(d_model, heads, dropout, True, fused)
        self.c_fc = nn.Linear(d_model, 4 * d_model)
        self.c_proj = nn.Linear(4 * d_model, d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, causal, working, reminded, padding):
        weights = None
        x = x + self.attention(self.ln_1(x), mask=causal)[0]
        if working is not None:
            x = x + self.memory_attention(self.ln_working(x), working)[0]
            added, weights = self.memory_attention(self.ln_reminded(x), reminded, padding)
            x = x + added
        inner = F.gelu(self.c_fc(self.ln_2(x)), approximate="tanh")
        return x + self.dropout(self.c_proj(inner)), weights


class Model(nn.Module):
    def __init__(self, workload, fused):
        super().__init__()
        size, d_model, rate = workload, workload["n_embd"], workload["dropout"]
        self.alpha, self.fused = size["alpha"], fused
        self.wte = nn.Embedding(size["vocab_size"], d_model)
        self.wpe = nn.Embedding(size["segment"], d_model)
        self.drop = nn.Dropout(rate)
        self.blocks = nn.ModuleList(Block(d_model, size["n_head"], rate, fused) for _ in range(size["n_layer"]))
        self.ln_f = nn.LayerNorm(d_model)
        self.abstractor = Abstractor(size["num_memories"], d_model, 4 * d_model)
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, std=0.02)
                if getattr(module, "bias", None) is not None:
                    nn.init.zeros_(module.bias)
        names = ("num_reminded_stm", "stm_capacity", "ltm_search_depth", "initial_lifespan", "num_final_ltms")
        self.memory = Memoria(**{name: size[name] for name in names})
        self.previous = None
        self.memory_seconds = 0.0

    def remember(self, call, *arguments):
        started = time.perf_counter()
        result = call(*arguments)
        self.memory_seconds += time.perf_counter() - started
        return result

    def forward(self, tokens):
        x = self.drop(self.wte(tokens) + self.wpe(torch.arange(tokens.shape[1], device=tokens.device)))
        causal = None
        if not self.fused:
            causal = torch.full([tokens.shape[1]] * 2, -1e4, device=tokens.device).triu(1)
        working = reminded = padding = None
        if self.previous is not None:
            working = self.abstractor(self.previous)
            self.remember(self.memory.add_working_memory, working.detach())
            reminded, indices = self.remember(self.memory.remind)
            if (indices < 0).any():
                padding = (indices < 0).float()[:, None, None, :] * -1e4
        all_weights = []
        for block in self.blocks:
            x, weights = block(x, causal, working, reminded, padding)
            all_weights.append(weights)
        if working is not None:
            mean = torch.stack([weights.detach().mean(dim=(1, 2)) for weights in all_weights]).mean(dim=0)
            self.remember(
                self.memory.adjust_lifespan_and_memories, indices, mean * mean.shape[1] * self.alpha
            )
        x = self.ln_f(x)
        self.previous = x.detach()
        return x @ self.wte.weight.T


def wait(device):
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def measure(workload, mode, device, fused):
    torch.manual_seed(0)
    model = Model(workload, fused).to(device).train(mode == "training")
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=1e-4)
    shape = [workload["batch"], workload["segment"]]
    measured_from = workload["steps"] // 2
    times, memory_times, loss = [], [], None
    for _ in range(workload["steps"]):
        tokens = torch.randint(workload["vocab_size"], shape, device=device)
        wait(device)
        model.memory_seconds = 0.0
        started = time.perf_counter()
        with torch.set_grad_enabled(mode == "training"):
            logits = model(tokens)
            if mode == "training":
                loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        wait(device)
        times.append(time.perf_counter() - started)
        memory_times.append(model.memory_seconds)
    times, memory_times = times[measured_from:], memory_times[measured_from:]
    median = statistics.median(times)
    return {
        "workload": workload["name"],
        "mode": mode,
        "system": "memoria-pytorch",
        "attention": "fused" if fused else "explicit",
        "device": str(device),
        "ms_per_step": round(1000 * median, 3),
        "tokens_per_second": round(shape[0] * shape[1] / median),
        "memory_share": round(sum(memory_times) / sum(times), 3),
        "engrams_per_row": model.memory.engrams.memory_length,
        "loss": None if loss is None else round(loss.item(), 3),
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help="a part of its name; default: all")
    parser.add_argument("--mode", choices=["training", "inference"], help="default: both")
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--attention", choices=["fused", "explicit"], default="fused")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--quick", action="store_true", help="small models, to see that they run")
    options = parser.parse_args()
    for workload in json.loads(Path(__file__).with_name("models.json").read_text()):
        if options.workloads and not any(part in workload["name"] for part in options.workloads):
            continue
        if options.quick:
            workload.update(QUICK)
        if options.steps:
            workload["steps"] = options.steps
        for mode in [options.mode] if options.mode else ["training", "inference"]:
            measured = measure(workload, mode, options.device, options.attention == "fused")
            print(json.dumps(measured), flush=True)


if __name__ == "__main__":
    main()
