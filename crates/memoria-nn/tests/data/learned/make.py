"""What learned recall computes, by PyTorch, with gradients: writes the files beside this one.

Run by hand, with torch: `python3 make.py`. Everything is in double precision, so that differences are those of
what is compared with it.
"""

import json
import math
import pathlib

import torch
from torch.nn import functional

torch.manual_seed(7)
torch.set_default_dtype(torch.float64)
HERE = pathlib.Path(__file__).parent


def normal(*shape, scale=1.0):
    """Numbers that single precision has exactly."""
    return (torch.randn(*shape) * scale).float().double()


def numbers(tensor):
    return {"shape": list(tensor.shape), "values": tensor.detach().flatten().tolist()}


def write(name, cases):
    text = ",\n".join(json.dumps(case) for case in cases)
    (HERE / name).write_text(f"[\n{text}\n]\n")


def scores(query, engrams, mask, correlation, pooling):
    """Scores of the memory, less the best of the row."""
    near = -(query[:, None] - engrams[:, :, None]).square().sum(3)  # [batch, k, q]
    if pooling == "max":
        pooled = near.max(2).values
    elif correlation == "gaussian":
        pooled = near.logsumexp(2) - math.log(query.shape[1])
    else:
        pooled = near.mean(2)
    best = pooled.masked_fill(mask, -math.inf).max(1, keepdim=True).values
    best = best.masked_fill(mask.all(1, keepdim=True), 0.0)
    return (pooled - best).masked_fill(mask, 0.0)


def score_cases():
    for correlation in ["neg_squared_l2", "gaussian"]:
        for pooling in ["mean", "max"]:
            for queries in [1, 3]:
                for engrams in [1, 4]:
                    batch, d_model = 3, 6
                    query = normal(batch, queries, d_model).requires_grad_()
                    memories = normal(batch, engrams, d_model).requires_grad_()
                    # A row without padding, one with some if there is room, and one of padding alone.
                    padding = torch.zeros(batch, engrams, dtype=torch.bool)
                    padding[1, max(1, engrams - 2):] = True
                    padding[2] = True
                    weights = normal(batch, engrams)
                    got = scores(query, memories, padding, correlation, pooling)
                    # As in a softmax over what is no padding.
                    logits = (0.3 * got).masked_fill(padding, -1e30)
                    attended = functional.softmax(logits, 1).masked_fill(padding, 0.0)
                    (attended * weights).sum().backward()
                    yield {
                        "correlation": correlation,
                        "pooling": pooling,
                        "query": numbers(query),
                        "engrams": numbers(memories),
                        "padding": padding.flatten().tolist(),
                        "weights": numbers(weights),
                        "scores": numbers(got),
                        "query_gradient": numbers(query.grad),
                        "engrams_gradient": numbers(memories.grad),
                    }


def linear(d_input, d_output):
    layer = torch.nn.Linear(d_input, d_output)
    with torch.no_grad():
        layer.weight.copy_(normal(d_output, d_input, scale=0.4))
        layer.bias.copy_(normal(d_output, scale=0.4))
    return layer


def layer_numbers(name, layer, into):
    into[f"{name}.weight"] = numbers(layer.weight.T)
    into[f"{name}.bias"] = numbers(layer.bias)


def gradients(parameters):
    found = {}
    for name, parameter in parameters.items():
        gradient = parameter.grad
        found[name] = numbers(gradient.T if name.endswith("weight") else gradient)
    return found


def attention_case(sink):
    batch, seq, count, d_model, heads = 2, 3, 4, 8, 2
    layers = {name: linear(d_model, d_model) for name in ["query", "key", "value", "output"]}
    hidden = normal(batch, seq, d_model).requires_grad_()
    memories = normal(batch, count, d_model).requires_grad_()
    bias = normal(batch, heads, seq, count).requires_grad_()
    nothing = normal(d_model).requires_grad_()
    padding = torch.tensor([[False, False, True, False], [True, True, True, True]])
    weights = normal(batch, seq, d_model)

    def split(x):
        return x.reshape(batch, -1, heads, d_model // heads).transpose(1, 2)

    query = split(layers["query"](hidden)) / math.sqrt(d_model // heads)
    logits = query @ split(layers["key"](memories)).transpose(2, 3) + bias
    logits = logits.masked_fill(padding[:, None, None], -1e300)
    if sink:
        none = query @ nothing.reshape(1, heads, -1, 1)
        attended = functional.softmax(torch.cat([none, logits], 3), 3)[..., 1:]
    else:
        attended = functional.softmax(logits, 3).masked_fill(padding[:, None, None], 0.0)
    context = (attended @ split(layers["value"](memories))).transpose(1, 2).reshape(batch, seq, d_model)
    context = layers["output"](context)
    (context * weights).sum().backward()
    case = {"sink": sink, "padding": padding.flatten().tolist(), "parameters": {}}
    for name, layer in layers.items():
        layer_numbers(name, layer, case["parameters"])
    named = {"hidden": hidden, "memories": memories, "bias": bias}
    if sink:
        named["sink"] = nothing
    for name, tensor in {**named, "weights": weights, "context": context, "attended": attended}.items():
        case[name] = numbers(tensor)
    for name, layer in layers.items():
        named[f"{name}.weight"], named[f"{name}.bias"] = layer.weight, layer.bias
    case["gradients"] = gradients(named)
    return case


def abstractor_case(masked):
    batch, seq, d_model, memories, queries, longest = 2, 5, 8, 3, 2, 4
    layers = {
        "key_transform": linear(d_model, d_model),
        "value_transform": linear(d_model, d_model),
        "feedforward": linear(d_model, 16),
        "output": linear(16, d_model),
    }
    gamma, beta = (normal(d_model).requires_grad_() for _ in range(2))
    vectors = normal(1, memories, d_model).requires_grad_()
    asking = normal(1, queries, d_model).requires_grad_()
    places = normal(memories + queries, longest).requires_grad_()
    hidden = normal(batch, seq, d_model).requires_grad_()
    padding = torch.zeros(batch, seq, dtype=torch.bool)
    if masked:
        padding[0, 3:] = True
        padding[1, :2] = True
    x = functional.layer_norm(hidden, [d_model], gamma, beta)
    every = torch.cat([vectors, asking], 1)
    logits = every @ layers["key_transform"](x).transpose(1, 2)
    read = (~padding).long()
    # How many positions that are read come after.
    after = read.flip(1).cumsum(1).flip(1) - read
    logits = logits + places[:, after.clamp(max=longest - 1)].transpose(0, 1)
    logits = logits.masked_fill(padding[:, None], -1e300)
    made = functional.softmax(logits, 2) @ layers["value_transform"](x)
    made = layers["output"](layers["feedforward"](made))
    kept, asked = made[:, :memories], made[:, memories:]
    kept = kept / (kept.square().mean(2, keepdim=True) + 1e-5).sqrt()
    weights = normal(batch, memories + queries, d_model)
    (torch.cat([kept, asked], 1) * weights).sum().backward()
    case = {"padding": padding.flatten().tolist(), "parameters": {}}
    for name, layer in layers.items():
        layer_numbers(name, layer, case["parameters"])
    named = {
        "norm.gamma": gamma,
        "norm.beta": beta,
        "query_embeddings": vectors,
        "recall_embeddings": asking,
        "places": places,
        "hidden": hidden,
    }
    for name, tensor in {**named, "weights": weights, "memories": kept, "queries": asked}.items():
        case[name] = numbers(tensor)
    for name, layer in layers.items():
        named[f"{name}.weight"], named[f"{name}.bias"] = layer.weight, layer.bias
    case["gradients"] = gradients(named)
    return case


write("scores.json", score_cases())
write("attention.json", [attention_case(sink) for sink in [False, True]])
write("abstractor.json", [abstractor_case(masked) for masked in [False, True]])
