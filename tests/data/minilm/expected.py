#!/usr/bin/env python3
"""Writes beside itself what transformers comes to with the weights that scripts/minilm.py fetches.

    python3 tests/data/minilm/expected.py FOLDER_OF_THE_WEIGHTS

Needs the packages torch and transformers. `sentences.json`: sentences and their tokens. `hidden.f32`: the hidden
states after the last layer, and after them what the pooler makes of the first, little-endian, sentence by sentence.
"""

import json
import sys
from pathlib import Path

import torch
import transformers

HERE = Path(__file__).resolve().parent
SENTENCES = [
    "It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in want of a wife.",
    "Emma Woodhouse, handsome, clever, and rich, with a comfortable home and happy disposition, seemed to unite some of the "
    "best blessings of existence; and had lived nearly twenty-one years in the world with very little to distress or vex her.",
    "The transformer forgets whatever leaves its context; a memory doesn't.",
    "Café, naïve, Zürich: accents are stripped. 数学 stands character by character.",
    "Unbelievably, 3,141.59 / 2 = 1,570.795 (more or less)!",
    "Yes.",
]


def main():
    torch.set_num_threads(2)
    model = transformers.BertModel.from_pretrained(sys.argv[1]).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(sys.argv[1])
    told, numbers = [], b""
    for sentence in SENTENCES:
        input_ids = tokenizer(sentence)["input_ids"]
        with torch.no_grad():
            output = model(torch.tensor([input_ids]))
        told.append({"text": sentence, "input_ids": input_ids})
        numbers += output.last_hidden_state.numpy().astype("<f4").tobytes()
        numbers += output.pooler_output.numpy().astype("<f4").tobytes()
    (HERE / "sentences.json").write_text(json.dumps(told, indent=1) + "\n")
    (HERE / "hidden.f32").write_bytes(numbers)
    print(sum(len(sentence["input_ids"]) for sentence in told), "tokens")


if __name__ == "__main__":
    main()
