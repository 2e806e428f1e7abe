"""What is measured on which device: recipes, and sizes of products and of attention."""

from dataclasses import dataclass

import numpy as np

from ..devices import device
from ..presets import TrainConfig, preset
from ..webgpu import adapter

CHARACTERS = 65  # of Tiny Shakespeare
STEPS = {
    "cuda": (("12m", 64), ("12m", 4), ("shakespeare-char", 64)),
    "webgpu": (("12m", 32), ("12m", 4)),  # the logits of 64 are more than a binding may hold
    "cpu": (("12m", 4),),
}
SLOW_STEPS = (("tiny", 8),)


@dataclass(frozen=True)
class Sizes:
    """The sizes of what is measured alone.

    square: a side of the square products. tokens, channels, vocabulary: of a model's products.
    attention: (B, H, T, D). copied: elements, far more than a cache holds.
    """

    square: int
    tokens: int
    channels: int
    vocabulary: int
    attention: tuple[int, int, int, int]
    copied: int

    def products(self) -> list[tuple[str, int, int, int]]:
        """(form, m, n, k) of products: square ones, then those of a step of the model.

        NN a (m, k) b (k, n), as for the gradient of an input; NT b transposed, as for a layer's
        output; TN a transposed, as for the gradient of a weight.
        """
        c, rows, side = self.channels, self.tokens, (self.square,) * 3
        found = [(form, *side) for form in ("NN", "NT", "TN")]
        weights = ((3 * c, c), (c, c), (4 * c, c), (c, 4 * c), (self.vocabulary, c))
        for out, into in weights:
            found += [("NT", rows, out, into), ("NN", rows, into, out), ("TN", out, into, rows)]
        return found


LARGE = Sizes(4096, 64 * 256, 384, 4096, (64, 6, 256, 64), 1 << 25)
HALF = Sizes(4096, 32 * 256, 384, 4096, (64, 6, 256, 64), 1 << 25)  # what WebGPU can bind
CORES = Sizes(2048, 4 * 256, 384, 4096, (4, 6, 256, 64), 1 << 25)
SMALL = Sizes(64, 64, 32, 160, (1, 2, 32, 16), 1 << 14)


def is_slow(device_name: str) -> bool:
    """Whether the device stands in for a GPU: the simulator, or a software adapter."""
    if device_name != "webgpu":
        return device_name == "cuda-sim"
    return device(device_name).missing() is None and adapter.is_software(adapter.find_adapter())


def sizes_for(device_name: str) -> Sizes:
    """The sizes that suit a device."""
    if is_slow(device_name):
        return SMALL
    return {"cuda": LARGE, "webgpu": HALF, "cpu": CORES}[device_name]


def steps_for(device_name: str, name: str | None, batch: int | None) -> list[tuple[str, int]]:
    """(preset, batch) of each step to measure: the device's, or the one asked for. BadInput."""
    usual = SLOW_STEPS if is_slow(device_name) else STEPS[device_name]
    if name is None and batch is None:
        return list(usual)
    name = name or usual[0][0]
    recipe = preset(name) if batch is None else preset(name, batch=batch)
    return [(name, recipe.batch)]


def vocabulary_of(recipe: TrainConfig) -> int:
    """How many tokens there are to predict."""
    return CHARACTERS if recipe.tokenizer == "char" else recipe.vocab_size


def batches(recipe: TrainConfig, count: int) -> np.ndarray:
    """(idx, targets) of so many batches: (count, 2, B, T) i32, the first ones always the same."""
    shape = (count, 2, recipe.batch, recipe.context)
    return np.random.default_rng(0).integers(0, vocabulary_of(recipe), shape, dtype=np.int32)
