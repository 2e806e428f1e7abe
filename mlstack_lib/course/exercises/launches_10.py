"""Chapter 10: how the LayerNorm kernels are launched, and what they do to memory."""

import ml_dtypes
import numpy as np

from ... import cuda, reference, sim
from ...sim.profile import Profile
from ..kernel_files import KernelFile, solution
from .launches_09 import ceil_div, changed

BF16 = ml_dtypes.bfloat16
WARPS, ROWS = 4, 8
EPS = 1e-5


# ---- how each rung is launched ----


def launch_of(name, n, c, block=64, rows=ROWS, spare=0) -> tuple[tuple, tuple, dict]:
    """(grid, block, constants) of a rung for x (n, c). A backward pass gets 3 blocks.

    block: threads of layernorm_block. rows: of column_sum. spare: so much larger than needed are
    PER_LANE and QUADS.
    """
    by_warp = (ceil_div(n, WARPS),), (32 * WARPS,)
    lanes = {"WARPS": WARPS, "PER_LANE": ceil_div(c, 32) + spare}
    quads = {"WARPS": WARPS, "QUADS": ceil_div(c, 128) + spare}
    return {
        "layernorm_thread": ((ceil_div(n, 64),), (64,), {}),
        "layernorm_block": ((n,), (block,), {"BLOCK": block}),
        "layernorm_warp": (*by_warp, lanes),
        "layernorm_vector": (*by_warp, quads),
        "layernorm_bf16": (*by_warp, quads),
        "residual_layernorm_forward": (*by_warp, lanes),
        "layernorm_backward_atomic": (*by_warp, lanes),
        "layernorm_backward": ((3,), by_warp[1], {"RESIDUAL": 0} | lanes),
        "layernorm_backward_vector": ((3,), by_warp[1], quads),
        "column_sum": ((ceil_div(c, 32), 1), (32, rows), {"ROWS": rows, "ACCUMULATE": 0}),
    }[name]


NAMES = (
    "layernorm_thread", "layernorm_block", "layernorm_warp", "layernorm_vector", "layernorm_bf16",
    "residual_layernorm_forward", "layernorm_backward_atomic", "layernorm_backward",
    "layernorm_backward_vector", "column_sum",
)  # fmt: skip


def inputs(n: int, c: int, mean: float = 1.0, seed: int = 0) -> tuple[np.ndarray, ...]:
    """x (n, c) around `mean`, weight and bias (c), f32."""
    rng = np.random.default_rng([seed, n, c])
    x = np.float32(mean) + rng.standard_normal((n, c)).astype(np.float32)
    weight = rng.uniform(0.5, 2, c).astype(np.float32)
    return x, weight, rng.standard_normal(c).astype(np.float32)


def by_rule(x, weight, bias, eps, sums=np.float64):
    """y, mean, rstd by the reference; `sums` f32: added one after the other, in f32."""
    if sums is np.float64:
        return reference.layernorm_forward(*(a.astype(sums) for a in (x, weight, bias)), eps)
    x, c = x.astype(sums), sums(x.shape[1])
    mean = np.cumsum(x, axis=1, dtype=sums)[:, -1] / c
    squares = np.cumsum((x - mean[:, None]) ** 2, axis=1, dtype=sums)[:, -1]
    rstd = 1 / np.sqrt(squares / c + sums(eps))
    return (x - mean[:, None]) * rstd[:, None] * weight + bias, mean, rstd


def backward_by_rule(*arrays, extra) -> list[tuple]:
    """dx + extra, dweight and dbias by the reference for dy, x, weight, mean, rstd: f64, f32."""
    ways = (
        reference.layernorm_backward(*(a.astype(dtype) for a in arrays))
        for dtype in (np.float64, np.float32)
    )
    return [(dx + extra, *sums) for dx, *sums in ways]


def forward(kernel: KernelFile, *arrays, dtype=np.float32) -> list[np.ndarray]:
    """The outputs of a forward rung for x (delta, ) weight and bias: y, mean, rstd, ..."""
    (n, c), fused = arrays[0].shape, len(arrays) == 4
    shapes = [(n, c)] * (1 + fused) + [(n,), (n,)]
    outputs = [cuda.empty(s, dtype if len(s) == 2 else np.float32) for s in shapes]
    grid, block, constants = launch_of(kernel.name, n, c)
    given = [cuda.asarray(x) for x in arrays]
    kernel(grid, block, (*given, *outputs, *sizes(n, c), np.float32(EPS)), **constants)
    return [cuda.asnumpy(x) for x in outputs]


def backward(kernel: KernelFile, dy, x, weight, mean, rstd, library=cuda) -> list[np.ndarray]:
    """dx, and either parts (3, 2, c) or, of the rung with atomics, dweight and dbias."""
    n, c = x.shape
    grid, block, constants = launch_of(kernel.name, n, c)
    shapes = [(c,), (c,)] if kernel.name.endswith("atomic") else [(3, 2, c)]
    outputs = [library.asarray(np.zeros(shape, np.float32)) for shape in [(n, c), *shapes]]
    given = [library.asarray(a) for a in (dy, x, weight, mean, rstd)]
    unread = given[:1] if "RESIDUAL" in constants else []  # dresidual
    compiled = kernel.compiled(library, **constants)
    compiled(grid, block, (*unread, *given, *outputs, *sizes(n, c)))
    return [library.asnumpy(a) for a in outputs]


def column_sums(kernel: KernelFile, parts: np.ndarray) -> np.ndarray:
    """The sum of the rows of `parts` (rows, c), by one part of column_sum: (c,)."""
    n, c = parts.shape
    grid, block, constants = launch_of(kernel.name, n, c)
    y = cuda.empty((1, c), np.float32)
    kernel(grid, block, (cuda.asarray(parts), y, *sizes(n, c), np.uint32(n)), **constants)
    return cuda.asnumpy(y)[0]


def sizes(n: int, c: int) -> tuple:
    """n and c as kernels take them."""
    return np.uint32(n), np.uint32(c)


# ---- what the simulator counts ----


def profile(kernel: KernelFile, n: int, c: int) -> Profile:
    """What a forward rung does to memory for x (n, c), in the simulator."""
    x, *rest = inputs(n, c)
    dtype = BF16 if kernel.name == "layernorm_bf16" else np.float32
    x, fused = x.astype(dtype), kernel.name.startswith("residual")
    outputs = [np.zeros((n, c), dtype)] * (1 + fused) + [np.zeros(n, np.float32)] * 2
    arrays = [sim.asarray(a) for a in (*[x] * (1 + fused), *rest, *outputs)]
    grid, block, constants = launch_of(kernel.name, n, c)
    compiled = kernel.compiled(sim, **constants)
    compiled(grid, block, (*arrays, *sizes(n, c), np.float32(EPS)))
    return compiled.profile()


def asked(found: Profile, n: int) -> tuple[float, float]:
    """Bytes that a row's loads and stores ask of memory and caches, whole sectors counted."""
    loads, stores = (
        sum(r.moved for r in found.rows if (r.space, r.op) == ("global", op))
        for op in ("load", "store")
    )
    return 32 * loads / n, 32 * stores / n


def profile_of_sum(kernel: KernelFile, n: int, c: int) -> Profile:
    """What column_sum does to memory for x (n, c), in the simulator."""
    grid, block, constants = launch_of(kernel.name, n, c)
    arrays = sim.asarray(np.ones((n, c), np.float32)), sim.asarray(np.zeros((1, c), np.float32))
    compiled = kernel.compiled(sim, **constants)
    compiled(grid, block, (*arrays, *sizes(n, c), np.uint32(n)))
    return compiled.profile()


# ---- other ways to a variance ----

TWO_PASSES = (
    "if (lane + 32 * i < c) squares += (v[i] - mu) * (v[i] - mu);",
    "rsqrtf(warp_sum(squares) / c + eps)",
)
FORMULA = "squares += v[i] * v[i];", "rsqrtf(fmaxf(warp_sum(squares) / c - mu * mu, 0.0f) + eps)"
SHIFT = """    float first = __shfl_sync(FULL_MASK, v[0], 0);
    for (int i = 0; i < PER_LANE; i++) v[i] = lane + 32 * i < c ? v[i] - first : 0.0f;
"""


def by_formula(shifted: bool = False) -> KernelFile:
    """layernorm_warp with the mean of the squares less the square of the mean, of a row as it is
    or less its first number."""
    kernel = changed(solution("layernorm_warp"), *zip(TWO_PASSES, FORMULA, strict=True))
    if not shifted:
        return kernel
    begin, mean = "    // BEGIN SOLUTION\n", "mean[row] = mu;"
    return changed(kernel, (begin, SHIFT), (mean, "mean[row] = mu + first;"))
