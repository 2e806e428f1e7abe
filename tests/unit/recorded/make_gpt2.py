"""What Hugging Face's GPT-2 computes for random weights.

Run `python tests/unit/recorded/make_gpt2.py` to write gpt2.json beside this file: the tests compare
with it where transformers is not installed, and check that it is current where it is. The weights
are not stored but drawn again, in the order of `shapes`, from `seed`.
"""

import json
from pathlib import Path

import numpy as np
import torch
import transformers
from transformers import GPT2Config, GPT2LMHeadModel

SEED, DEVIATION = 0, 0.3
SIZES = {"vocab_size": 13, "n_positions": 8, "n_embd": 12, "n_layer": 2, "n_head": 3}
TEXTS = ["abcdefgh", "mmmmm", "j", "hgfedcba"]  # a is token 0


def referee() -> GPT2LMHeadModel:
    """The model with those weights; LayerNorms and biases are random too."""
    model = GPT2LMHeadModel(GPT2Config(**SIZES, bos_token_id=None, eos_token_id=None)).eval()
    rng = np.random.default_rng(SEED)
    with torch.no_grad():
        for parameter in model.parameters():
            values = DEVIATION * rng.standard_normal(tuple(parameter.shape))
            parameter.copy_(torch.from_numpy(values.astype(np.float32)))
    return model


def logits_of(model: GPT2LMHeadModel, text: str) -> list[list[float]]:
    """The logits (T, V) that follow each letter."""
    with torch.no_grad():
        return model(torch.tensor([[ord(letter) - ord("a") for letter in text]])).logits[0].tolist()


def make() -> dict:
    """Everything that is recorded."""
    model = referee()
    return {
        "made_by": f"transformers {transformers.__version__}, torch {torch.__version__}",
        "seed": SEED,
        "deviation": DEVIATION,
        "sizes": SIZES,
        "shapes": {name: list(p.shape) for name, p in model.named_parameters()},
        "texts": TEXTS,
        "logits": [logits_of(model, text) for text in TEXTS],
    }


if __name__ == "__main__":
    path = Path(__file__).with_name("gpt2.json")
    path.write_text(json.dumps(make()) + "\n", encoding="utf-8", newline="\n")
