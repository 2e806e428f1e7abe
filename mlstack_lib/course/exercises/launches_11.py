"""Chapter 11: what its cells, its checks and its ladders use beside the kernels."""

import json

import numpy as np

from ...array import STATE_SIZE, Slot
from ...sim.profile import Profile
from ..kernel_files import KernelFile
from ..ladders import FOLDER
from .chapter_08 import blocks_for, in_simulator

BLOCK = 128
EXACT = 2e-6  # of the largest: a few roundings of 6e-8 each, in exp, in sums of at most 5 + 8 terms
ANY_BLOCK = "BLOCK is 64 here: is its number written out somewhere?"
IN_REGISTERS = ("softmax_forward", "cross_entropy_with_gradient")
HYPER = {"beta1": 0.9, "beta2": 0.95, "eps": 1e-8, "weight_decay": 0.1}


def f32(x: np.ndarray) -> np.ndarray:
    """The same numbers as f32."""
    return x.astype(np.float32)


def row_constants(c: int, block: int = BLOCK, vector: bool | None = None) -> dict[str, int]:
    """Constants for rows of c numbers in registers, as the package's launcher chooses them."""
    vector = c % 4 == 0 if vector is None else vector
    each = 4 * blocks_for(c, 4 * block) if vector else blocks_for(c, block)
    return {"BLOCK": block, "PER_THREAD": each, "VECTOR": int(vector)}


def constants_of(name: str, c: int, block: int = BLOCK) -> dict[str, int]:
    """Constants of a kernel on rows of c numbers."""
    return row_constants(c, block) if name in IN_REGISTERS else {"BLOCK": block}


def moved(profile, op: str, array: str) -> int:
    """How many bytes the threads of a launch asked for: "load" or "store" of an array."""
    rows = [r for r in profile.rows if (r.space, r.op, r.sample.array) == ("global", op, array)]
    return round(sum(row.requests * row.lanes * row.size for row in rows))


def softmax_profile(kernel: KernelFile, n: int, c: int) -> Profile:
    """What a softmax of x (n, c) does to memory, in the simulator."""
    x, y = normal((n, c)), np.empty((n, c), np.float32)
    constants = constants_of(kernel.name, c)
    return in_simulator(kernel, (n,), (BLOCK,), (x, y, np.uint32(c)), **constants)


def softmax_traffic(kernel: KernelFile, n: int = 3, c: int = 1024) -> tuple[float, float]:
    """Bytes read and written for each number of a softmax, counted by the simulator."""
    profile = softmax_profile(kernel, n, c)
    return moved(profile, "load", "x") / (n * c), moved(profile, "store", "y") / (n * c)


def copy_rate() -> float:
    """GB/s that a copy moved on the H100 of the recorded ladders, read and written."""
    return json.loads((FOLDER / "11.json").read_text(encoding="utf-8"))["copy_gb_s"]


def step_us() -> float:
    """Microseconds of a training step of 12 million parameters, recorded, as one CUDA graph."""
    record = json.loads((FOLDER / "11.json").read_text(encoding="utf-8"))
    return record["splits"]["step"]["graph_us"]


def floor_us(nbytes: int) -> float:
    """Microseconds that so many bytes take at a copy's rate."""
    return nbytes / copy_rate() / 1e3


def tensor_sizes(vocabulary: int, context: int, layers: int, width: int) -> list[int]:
    """How many numbers each tensor of a GPT has, in the order of its parameters."""
    w = width * width
    layer = [width] * 2 + [3 * w, 3 * width, w] + [width] * 3 + [4 * w, 4 * width, 4 * w, width]
    return [vocabulary * width, context * width, *layers * layer, width, width]


def normal(shape, factor: float = 1.0, seed: int = 0) -> np.ndarray:
    """Random numbers around 0, f32."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32) * np.float32(
        factor
    )


def logits_and_targets(n: int, v: int, factor: float, ignore: int) -> tuple:
    """logits (n, v) f32, targets (n) i32, every third `ignore`, and how many are not, (1) f32."""
    targets = np.random.default_rng(v).integers(0, v, n).astype(np.int32)
    targets[1::3] = ignore
    kept = max(int((targets != ignore).sum()), 1)
    return normal((n, v), factor), targets, np.full(1, kept, np.float32)


def step_state(**slots: float) -> np.ndarray:
    """A step state (STATE_SIZE) f32 as of update 3 with clipping, but for what is given."""
    known = {"STEP": 3, "LEARNING_RATE": 0.125, "CLIP": 0.5, "GRAD_NORM": 2.0,
             "BIAS_CORRECTION1": 1 - HYPER["beta1"] ** 3,
             "BIAS_CORRECTION2": 1 - HYPER["beta2"] ** 3}  # fmt: skip
    state = np.zeros(STATE_SIZE, np.float32)
    for name, value in (known | slots).items():
        state[Slot[name]] = value
    return state


def scalars(state: np.ndarray) -> list[np.float32]:
    """What adamw_tensor takes of a step state: rate, both corrections, clip."""
    slots = (Slot.LEARNING_RATE, Slot.BIAS_CORRECTION1, Slot.BIAS_CORRECTION2, Slot.CLIP)
    return [state[slot] for slot in slots]


def update_arrays(n: int, factor: float = 1.0) -> tuple[np.ndarray, ...]:
    """params, grads, m, v (n) f32, as in the middle of training; factor: of the gradients."""
    params, grads, m, v = (normal(n, seed=seed) for seed in range(4))
    return params, grads * np.float32(factor), m * np.float32(factor / 2), (v * factor) ** 2
