"""GPT-2 with a memory in PyTorch, slow and obvious: what the gradients in tests/data are made with.

Nothing of it is the Python package's; parameters have the names of its checkpoints. The memory is that of
the paper as this project has it, with a gradient window.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F


class Conv1D(nn.Module):
    """A linear layer with its weight as [in, out]."""

    def __init__(self, d_input, d_output):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(d_input, d_output))
        self.bias = nn.Parameter(torch.zeros(d_output))
        nn.init.normal_(self.weight, std=0.02)

    def forward(self, x):
        return x @ self.weight + self.bias


def split_heads(x, heads):
    return x.unflatten(-1, (heads, -1)).transpose(-2, -3)


def merge_heads(x):
    return x.transpose(-2, -3).flatten(-2)


class Attention(nn.Module):
    def __init__(self, d_model, heads, to_memories=False):
        super().__init__()
        self.heads, self.to_memories = heads, to_memories
        self.c_attn = Conv1D(d_model, (2 if to_memories else 3) * d_model)
        if to_memories:
            self.q_attn = Conv1D(d_model, d_model)
        self.c_proj = Conv1D(d_model, d_model)

    def forward(self, x, memories=None, padding=None):
        """What is added to x, and the weights; of memories, those where `padding` is true are left out."""
        if self.to_memories:
            query = self.q_attn(x)
            key, value = self.c_attn(memories).chunk(2, dim=-1)
        else:
            query, key, value = self.c_attn(x).chunk(3, dim=-1)
        query, key, value = (split_heads(part, self.heads) for part in (query, key, value))
        scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
        if self.to_memories:
            masked = padding[:, None, None, :].expand_as(scores)
        else:
            masked = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1).expand_as(scores)
        weights = scores.masked_fill(masked, -1e4).softmax(-1).masked_fill(masked, 0.0)
        return self.c_proj(merge_heads(weights @ value)), weights


class Mlp(nn.Module):
    def __init__(self, d_model, d_inner):
        super().__init__()
        self.c_fc = Conv1D(d_model, d_inner)
        self.c_proj = Conv1D(d_inner, d_model)

    def forward(self, x):
        return self.c_proj(F.gelu(self.c_fc(x), approximate="tanh"))


class Block(nn.Module):
    def __init__(self, d_model, heads, d_inner):
        super().__init__()
        self.ln_1 = nn.LayerNorm(d_model, eps=1e-5)
        self.attn = Attention(d_model, heads)
        self.ln_2 = nn.LayerNorm(d_model, eps=1e-5)
        self.ln_working_memory_attn = nn.LayerNorm(d_model, eps=1e-5)
        self.memory_attention = Attention(d_model, heads, to_memories=True)
        self.ln_memory_attn = nn.LayerNorm(d_model, eps=1e-5)
        self.mlp = Mlp(d_model, d_inner)

    def forward(self, x, working, reminded, padding):
        weights = None
        x = x + self.attn(self.ln_1(x))[0]
        if working is not None:
            none = torch.zeros(working.shape[:2], dtype=torch.bool)
            x = x + self.memory_attention(self.ln_working_memory_attn(x), working, none)[0]
            added, weights = self.memory_attention(self.ln_memory_attn(x), reminded, padding)
            x = x + added
        return x + self.mlp(self.ln_2(x)), weights


class Abstractor(nn.Module):
    def __init__(self, memories, d_model, d_ff):
        super().__init__()
        self.query_embeddings = nn.Parameter(torch.empty(1, memories, d_model))
        nn.init.normal_(self.query_embeddings, std=0.02)
        self.key_transform = nn.Linear(d_model, d_model)
        self.value_transform = nn.Linear(d_model, d_model)
        self.feedforward = nn.Linear(d_model, d_ff)
        self.output = nn.Linear(d_ff, d_model)

    def forward(self, x):
        weights = (self.query_embeddings @ self.key_transform(x).transpose(1, 2)).softmax(-1)
        return self.output(self.feedforward(weights @ self.value_transform(x)))


class Engram:
    def __init__(self, number, data, tracked, step, lifespan):
        self.number, self.data, self.tracked, self.step = number, data, tracked, step
        self.kind, self.lifespan = "W", lifespan


class Row:
    """The memory of one row."""

    def __init__(self, config):
        self.config, self.engrams, self.created, self.step = config, [], 0, 0
        self.fired_together = {}

    def count(self, a, b):
        return self.fired_together.get((a.number, b.number), 0)

    def of_kind(self, kind):
        return [engram for engram in self.engrams if engram.kind == kind]

    def best(self, engrams, count, working):
        """The `count` engrams most like the working memories; of equals the smaller number."""

        def score(engram):
            return -sum((w.data - engram.data).double().square().sum().item() for w in working)

        return sorted(engrams, key=lambda engram: (-score(engram), engram.number))[:count]

    def strongest(self, engram, candidates):
        connected = [other for other in candidates if self.count(engram, other) > 0]
        return min(connected, key=lambda other: (-self.count(engram, other), other.number), default=None)

    def remind(self, memories):
        config = self.config
        self.step += 1
        for memory in memories:
            lifespan = config["memoria_initial_lifespan"]
            self.engrams.append(Engram(self.created, memory.detach(), memory, self.step, lifespan))
            self.created += 1
        working, long_term = self.of_kind("W"), self.of_kind("L")
        short = self.best(self.of_kind("S"), config["memoria_num_reminded_stm"], working)
        here = {self.strongest(engram, long_term) for engram in short} - {None}
        found = set(here)
        for _ in range(config["memoria_ltm_search_depth"]):
            unseen = [engram for engram in long_term if engram not in found]
            here = {self.strongest(engram, unseen) for engram in here} - {None}
            found |= here
        reminded = short + self.best(found, config["memoria_num_reminded_ltm"], working)
        fired = working + reminded
        for a in fired:
            for b in fired:
                key = (a.number, b.number)
                self.fired_together[key] = self.fired_together.get(key, 0) + 1
        return sorted(reminded, key=lambda engram: engram.number)

    def adjust(self, reminded, gains):
        for engram, gain in zip(reminded, gains):
            engram.lifespan += gain
        for engram in self.engrams:
            engram.lifespan -= 1
            if engram.kind == "W":
                engram.kind = "S"
        short = self.of_kind("S")
        for engram in short[: max(0, len(short) - self.config["memoria_stm_capacity"])]:
            engram.kind = "L"
        self.engrams = [engram for engram in self.engrams if engram.lifespan > 0]


class Memory:
    """The memories of a batch, and the previous segment; gradients flow back `bptt` segments."""

    def __init__(self, config, bptt=0):
        self.config, self.bptt, self.rows, self.previous = config, bptt, [], None

    def remind(self, working):
        """Vectors of what is reminded, padded to one length, where they are padding, and the engrams."""
        if not self.rows:
            self.rows = [Row(self.config) for _ in working]
        engrams = [row.remind(memories) for row, memories in zip(self.rows, working)]
        width = max(map(len, engrams))
        data = working.new_zeros(len(engrams), width, working.shape[-1])
        padding = torch.ones(len(engrams), width, dtype=torch.bool)
        rows = []
        for at, (row, found) in enumerate(zip(self.rows, engrams)):
            vectors = [e.tracked if row.step - e.step <= self.bptt else e.data for e in found]
            pad = data[at, : width - len(found)]
            rows.append(torch.cat([*(vector[None] for vector in vectors), pad]))
            padding[at, : len(found)] = False
        return torch.stack(rows), padding, engrams

    def adjust(self, engrams, weights):
        """Gains of each row, for weights [batch, heads, queries, width] of every layer."""
        mean = torch.stack(weights).mean(dim=(0, 2, 3)).detach()
        gains = []
        for row, found, share in zip(self.rows, engrams, mean):
            scale = len(found) * self.config["memoria_lifespan_extend_scale"]
            gains.append([scale * weight.item() for weight in share[: len(found)]])
            row.adjust(found, gains[-1])
        return gains


class Transformer(nn.Module):
    def __init__(self, config):
        super().__init__()
        d_model = config["n_embd"]
        self.wte = nn.Embedding(config["vocab_size"], d_model)
        self.wpe = nn.Embedding(config["n_positions"], d_model)
        blocks = [Block(d_model, config["n_head"], 4 * d_model) for _ in range(config["n_layer"])]
        self.h = nn.ModuleList(blocks)
        self.ln_f = nn.LayerNorm(d_model, eps=1e-5)
        self.abs = Abstractor(config["memoria_num_memories"], d_model, 4 * d_model)


class Gpt2(nn.Module):
    """GPT-2 with a memory and a head that is the token embedding."""

    def __init__(self, config):
        super().__init__()
        self.transformer = Transformer(config)

    def forward(self, input_ids, memory):
        """Logits, and per row what the segment was reminded of and gained by; none in a first segment."""
        model = self.transformer
        working = reminded = padding = told = None
        if memory.previous is not None:
            working = model.abs(memory.previous)
            reminded, padding, engrams = memory.remind(working)
        x = model.wte(input_ids) + model.wpe(torch.arange(input_ids.shape[1]))
        weights = []
        for block in model.h:
            x, weight = block(x, working, reminded, padding)
            weights.append(weight)
        x = model.ln_f(x)
        if working is not None:
            told = list(zip(engrams, memory.adjust(engrams, weights)))
        memory.previous = x if memory.bptt > 0 else x.detach()
        return x @ model.wte.weight.T, told
