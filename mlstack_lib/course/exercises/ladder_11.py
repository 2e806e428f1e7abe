"""Ladders of chapter 11: softmax, cross-entropy, AdamW, launches; and a training step by kernel."""

import numpy as np

from ...bench import ours
from ...gpt import GPTConfig
from ..kernel_files import solution
from ..ladders import Ladder, Rung, as_graph
from .ladder_11_update import Update
from .launches_11 import row_constants, tensor_sizes

BLOCK, LAUNCHES, IGNORE = 256, 1000, -1
SIZES = {
    "softmax": (16384, 4096), "softmax_long": (2048, 32768), "cross_entropy": (16384, 4096),
}  # fmt: skip
MODELS = {
    "12m": GPTConfig(4096, context=256, n_layer=6, n_head=6, n_embd=384),
    "124m": GPTConfig(50257, context=1024, n_layer=12, n_head=12, n_embd=768),
}


def ladders(cupy, torch) -> list[Ladder]:
    """The chapter's ladders, on CuPy's device; each rung has an output of its own."""
    found = [
        _softmax(cupy, torch, "softmax"), _softmax(cupy, torch, "softmax_long"),
        _cross_entropy(cupy, torch), _launches(cupy, torch),
    ]  # fmt: skip
    for name, config in MODELS.items():
        sizes = tensor_sizes(config.vocab_size, config.context, config.n_layer, config.n_embd)
        found += [Update(cupy, torch, sizes, clipped).ladder(name) for clipped in (False, True)]
    return found


def splits(on: str = "cuda", name: str = "12m", batch: int = 64) -> dict:
    """Where the time of a training step goes, as `mlstack bench --only kernels` measures it."""
    found = ours.kernels(on, name, batch)
    kernels = [
        {"name": row["name"], "launches": round(row["launches"]),
         "us": round(row["seconds"] * 1e6, 2)} for row in found["rows"]
    ]  # fmt: skip
    problem = f"a training step of {name}, batch {batch}"
    graph_us = round(found["step_seconds"] * 1e6, 1)
    return {"step": {"problem": problem, "kernels": kernels, "graph_us": graph_us}}


def _error(cupy, got, want: np.ndarray) -> float:
    return float(np.abs(cupy.asnumpy(got) - want).max() / np.abs(want).max())


# ---- rows ----


def _softmax(cupy, torch, name: str) -> Ladder:
    n, c = SIZES[name]
    x = np.random.default_rng(0).standard_normal((n, c), np.float32) * np.float32(4)
    device_x = cupy.asarray(x)
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    want = e / e.sum(axis=-1, keepdims=True, dtype=np.float64)

    def rung(title: str, kernel: str, block: int = BLOCK, **constants) -> Rung:
        y, file = cupy.asarray(np.full((n, c), np.nan, np.float32)), solution(kernel)
        constants = {"BLOCK": block} | constants
        return Rung(title, kernel,
                    lambda: file((n,), (block,), (device_x, y, np.uint32(c)), **constants),
                    lambda: _error(cupy, y, want))  # fmt: skip

    block = BLOCK if c <= 32 * BLOCK else 1024
    rungs = [
        rung("three passes", "softmax_passes"), rung("online, two passes", "softmax_online"),
        rung("row in registers", "softmax_forward", block, **row_constants(c, block, False)),
        rung("16 bytes a load", "softmax_forward", block, **row_constants(c, block, True)),
    ]  # fmt: skip
    y = cupy.asarray(np.full((n, c), np.nan, np.float32))
    tensors = [torch.from_dlpack(array) for array in (device_x, y)]
    rungs.append(Rung("PyTorch", "", lambda: torch.softmax(tensors[0], -1, out=tensors[1]),
                      lambda: _error(cupy, y, want)))  # fmt: skip
    return Ladder(name, f"softmax of x ({n:,}, {c:,}) f32", 8 * n * c, 0, 1e-5, rungs)


def _cross_entropy(cupy, torch) -> Ladder:
    """The sum over the rows, not the mean: then what a rung leaves in the logits' place, and finds
    there when it is timed, are numbers of about 1."""
    n, v = SIZES["cross_entropy"]
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((n, v), np.float32) * np.float32(4)
    targets = rng.integers(0, v, n).astype(np.int32)
    targets[::7] = IGNORE
    want = _gradient(logits, targets)
    given = [cupy.asarray(targets), cupy.asarray(np.ones(1, np.float32))]

    def rung(title: str, kernel: str, block: int = BLOCK, **constants) -> Rung:
        z, losses, file = cupy.asarray(logits), cupy.empty(n, np.float32), solution(kernel)
        args = (z, *given, losses, np.uint32(v), np.int32(IGNORE))
        constants = {"BLOCK": block} | constants
        return Rung(title, kernel, lambda: file((n,), (block,), args, **constants),
                    lambda: _error(cupy, z, want))  # fmt: skip

    name = "cross_entropy_with_gradient"
    rungs = [
        rung("three passes", "cross_entropy_passes"),
        rung("row in registers", name, BLOCK, **row_constants(v, BLOCK, False)),
        rung("16 bytes a load", name, BLOCK, **row_constants(v, BLOCK, True)),
        rung("and 512 threads", name, 2 * BLOCK, **row_constants(v, 2 * BLOCK, True)),
        _torch_cross_entropy(cupy, torch, logits, targets, want),
    ]
    problem = f"logits ({n:,}, {v:,}) f32, loss and gradient"
    return Ladder("cross_entropy", problem, 8 * n * v, 0, 1e-5, rungs)


def _gradient(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    want = e / e.sum(axis=-1, keepdims=True, dtype=np.float64)
    kept = np.flatnonzero(targets != IGNORE)
    want[kept, targets[kept]] -= 1
    want[targets == IGNORE] = 0
    return want


def _torch_cross_entropy(cupy, torch, logits, targets, want) -> Rung:
    x = torch.from_dlpack(cupy.asarray(logits)).requires_grad_()
    idx = torch.from_dlpack(cupy.asarray(targets.astype(np.int64)))

    def run() -> None:
        x.grad = None
        torch.nn.functional.cross_entropy(x, idx, ignore_index=IGNORE, reduction="sum").backward()

    def error() -> float:
        return (
            float("inf")
            if x.grad is None
            else _error(cupy, cupy.asarray(x.grad.cpu().numpy()), want)
        )

    return Rung("PyTorch, forward and backward", "", run, error)


# ---- launches ----


def _launches(cupy, torch) -> Ladder:
    kernel, counts = solution("count_up").compiled(), [cupy.zeros(1, np.float32) for _ in range(4)]

    def up(count, times: int):
        def run() -> None:
            for _ in range(times):
                kernel((1,), (1,), (count,))

        return run

    def error(count):
        return lambda: abs(float(cupy.asnumpy(count)[0]) - LAUNCHES)

    tensor = torch.from_dlpack(counts[3])
    replayed = as_graph(cupy, up(counts[1], LAUNCHES), up(counts[2], 1))
    rungs = [
        Rung("from Python", "count_up", up(counts[0], LAUNCHES), error(counts[0])),
        Rung("as one CUDA graph", "count_up", replayed, error(counts[1])),
        Rung("PyTorch, add_ of one number", "",
             lambda: [tensor.add_(1) for _ in range(LAUNCHES)], error(counts[3])),
    ]  # fmt: skip
    return Ladder("launches", f"{LAUNCHES:,} launches of next to nothing", 0, 0, 0.0, rungs)
