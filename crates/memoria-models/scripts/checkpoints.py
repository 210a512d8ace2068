#!/usr/bin/env python3
"""Writes small Hugging Face checkpoints of many kinds, and what they come to, into tests/data/checkpoints.

Needs the packages torch, transformers and safetensors. Per folder `config.json`, weights in one of the files
that models come in, and `expected.json`: per segment `input_ids`, `attention_mask`, and `logits` of the model
with head or `hidden` states of the model without.
"""

import json
import shutil
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file

CHECKPOINTS = Path(__file__).resolve().parents[1] / "tests/data/checkpoints"
GPT2 = dict(vocab_size=31, n_positions=12, n_embd=16, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0)
ENCODER = dict(
    vocab_size=31,
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=24,
    max_position_embeddings=14,
)
MASKS = {
    "right": [[1] * 8, [1] * 5 + [0] * 3, [1] + [0] * 7],
    "left": [[1] * 8, [0] * 3 + [1] * 5, [0] * 7 + [1]],
    "holes": [[1] * 8, [1, 1, 0, 1, 0, 0, 1, 1], [0] * 8],
}


def make(model_class, config):
    """A model with random weights, biases and norms included."""
    torch.manual_seed(5)
    model = model_class(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model


def segments(model, vocab_size, padding_token=None):
    generator = torch.Generator().manual_seed(7)
    told = []
    for name, mask in MASKS.items():
        mask = torch.tensor(mask)
        input_ids = torch.randint(2, vocab_size, mask.shape, generator=generator)
        if padding_token is not None:
            input_ids[mask == 0] = padding_token
        with torch.no_grad():
            output = model(input_ids=input_ids, attention_mask=mask)
        segment = {"padding": name, "input_ids": input_ids.tolist(), "attention_mask": mask.tolist()}
        if "logits" in output:
            segment["logits"] = output.logits.tolist()
        else:
            segment["hidden"] = output.last_hidden_state.tolist()
        told.append(segment)
    return told


def write(name, model, tensors, format, padding_token=None):
    folder = CHECKPOINTS / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model.config.save_pretrained(folder)
    tensors = {key: tensor.detach().contiguous().clone() for key, tensor in tensors.items()}
    if format == "safetensors":
        save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    elif format == "pytorch":
        torch.save(tensors, folder / "pytorch_model.bin")
    else:
        halves = [dict(list(tensors.items())[at::2]) for at in (0, 1)]
        files = [f"model-0000{at + 1}-of-00002.safetensors" for at in (0, 1)]
        for file, half in zip(files, halves):
            save_file(half, folder / file, {"format": "pt"})
        weight_map = {key: file for file, half in zip(files, halves) for key in half}
        index = {"metadata": {}, "weight_map": weight_map}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    told = segments(model, model.config.vocab_size, padding_token)
    (folder / "expected.json").write_text(json.dumps({"segments": told}) + "\n")


def halved(model):
    """Rounds the weights to half precision, in which they are stored, but computes in single precision."""
    tensors = {key: tensor.half() for key, tensor in model.state_dict().items()}
    model.load_state_dict({key: tensor.float() for key, tensor in tensors.items()})
    return tensors


def main():
    model = make(
        transformers.GPT2LMHeadModel,
        transformers.GPT2Config(
            **GPT2, tie_word_embeddings=False, n_inner=20, activation_function="relu",
            scale_attn_by_inverse_layer_idx=True, layer_norm_epsilon=1e-3,
        ),
    )
    write("gpt2-untied", model, model.state_dict(), "pytorch")

    model = make(transformers.GPT2LMHeadModel, transformers.GPT2Config(**GPT2, scale_attn_weights=False))
    # As the first GPT-2 checkpoints: no prefix, no head, and the masks that PyTorch once stored.
    tensors = {key.removeprefix("transformer."): tensor for key, tensor in model.state_dict().items()}
    del tensors["lm_head.weight"]
    for block in range(GPT2["n_layer"]):
        tensors[f"h.{block}.attn.bias"] = torch.ones(1, 1, 12, 12).tril()
        tensors[f"h.{block}.attn.masked_bias"] = torch.tensor(-1e4)
    write("gpt2-without-prefix", model, tensors, "sharded")

    labels = {index: f"label {index}" for index in range(5)}
    config = transformers.BertConfig(**ENCODER, id2label=labels, hidden_act="gelu_new", type_vocab_size=3)
    model = make(transformers.BertForSequenceClassification, config)
    # As the first BERT checkpoints, which were TensorFlow's.
    tensors = {
        key.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): tensor
        for key, tensor in model.state_dict().items()
    }
    tensors["bert.embeddings.position_ids"] = torch.arange(14)[None]
    write("bert-gamma-beta", model, tensors, "pytorch", padding_token=0)

    config = transformers.RobertaConfig(**ENCODER, id2label={0: "a", 1: "b", 2: "c"}, layer_norm_eps=1e-5)
    model = make(transformers.RobertaForSequenceClassification, config)
    write("roberta-half", model, halved(model), "safetensors", padding_token=1)

    model = make(transformers.BertModel, transformers.BertConfig(**ENCODER))
    write("bert-model", model, model.state_dict(), "safetensors", padding_token=0)

    model = make(transformers.RobertaModel, transformers.RobertaConfig(**ENCODER))
    write("roberta-model", model, model.state_dict(), "safetensors", padding_token=1)

    config = transformers.ElectraConfig(**ENCODER, embedding_size=12)
    model = make(transformers.ElectraForPreTraining, config)
    tensors = model.state_dict()
    model = model.electra
    write("electra-discriminator", model, tensors, "safetensors", padding_token=0)


if __name__ == "__main__":
    main()
