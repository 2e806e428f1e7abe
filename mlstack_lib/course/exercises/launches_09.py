"""Chapter 09: how the matrix products are launched, and what they do to memory."""

from dataclasses import replace

import ml_dtypes
import numpy as np

from ... import cuda, sim
from ...sim.profile import Profile
from ..kernel_files import KernelFile
from .profile_checks import requests

BF16 = ml_dtypes.bfloat16
TILED = {"TILE": 32}
COLUMN = {"BM": 64, "BN": 64, "BK": 8, "TM": 8}
SQUARE = {"BM": 128, "BN": 128, "BK": 8, "TM": 8, "TN": 8}
BF16_RUNGS = {  # tiles, stages: what its row of the ladder is called
    "128 x 128, 3 stages, plain": (128, 128, 3),
    "128 x 128, 3 stages, swizzled": (128, 128, 3),
    "128 x 128, 2 stages, swizzled": (128, 128, 2),
    "128 x 256, 2 stages, swizzled": (128, 256, 2),
    "128 x 256, 3 stages, swizzled": (128, 256, 3),
    "128 x 256, 4 stages, swizzled": (128, 256, 4),
    "the same, blocks row by row": (128, 256, 4),
}
SWIZZLE = (
    "    part ^= row % 8;  // the 8 rows that ldmatrix reads at a time lie in different banks\n", ""
)  # fmt: skip
GIVEN_NT = (  # what the clinic of 9.4 begins with
    ("as[TILE][TILE], bs[TILE][TILE + 1];", "as[TILE][TILE], bs[TILE][TILE];"),
    (
        "bs[tx][ty] = k0 + tx < k && col0 + ty < n ? b[(size_t)(col0 + ty) * k + k0 + tx] : 0.0f;",
        "bs[ty][tx] = k0 + ty < k && col < n ? b[(size_t)col * k + k0 + ty] : 0.0f;",
    ),
)


def ceil_div(a: int, b: int) -> int:
    """a / b rounded up."""
    return -(-a // b)


def changed(kernel: KernelFile, *changes: tuple[str, str]) -> KernelFile:
    """The kernel with (old, new) exchanged in its text. ValueError if old is not there once."""
    text = kernel.text
    for old, new in changes:
        if text.count(old) != 1:
            raise ValueError(f"{kernel.place} has {old!r} {text.count(old)} times")
        text = text.replace(old, new)
    return replace(kernel, text=text)


# ---- how each rung is launched ----


def tensor_launch(bm: int, bn: int, stages: int) -> tuple[int, int, tuple, int, dict]:
    """Of v7 with tiles of bm x bn, a warp for each 64 x 64, and a ring of `stages` tiles."""
    constants = {"BM": bm, "BN": bn, "BK": 64, "STAGES": stages, "TRANS_A": 0, "TRANS_B": 0}
    return bm, bn, (bm // 64 * (bn // 64) * 32,), stages * (bm + bn) * 64 * 2, constants


# name: (rows, columns of c a block computes, block, bytes of shared memory, constants)
LAUNCHES = {
    "matmul_naive": (32, 32, (32, 32), 0, {}),
    "matmul_coalesced": (32, 32, (32, 32), 0, {}),
    "matmul_tiled": (32, 32, (32, 32), 0, TILED),
    "matmul_nt_tiled": (32, 32, (32, 32), 0, TILED),
    "matmul_column": (64, 64, (512,), 0, COLUMN),
    "matmul_square": (128, 128, (256,), 0, SQUARE),
    "matmul_vector": (128, 128, (256,), 0, {}),
    "matmul_bf16": tensor_launch(64, 64, 2),
}


def launch_of(name: str, m: int, n: int, launch=None) -> tuple[tuple, tuple, int, dict]:
    """(grid, block, bytes of shared memory, constants) of a rung for c (m, n).

    launch: another than the rung has in LAUNCHES.
    """
    rows, columns, block, shared, constants = launch or LAUNCHES[name]
    return (ceil_div(n, columns), ceil_div(m, rows)), block, shared, constants


def run(kernel: KernelFile, a: np.ndarray, b: np.ndarray, transposed: bool = False) -> np.ndarray:
    """c = a b, or a b^T, by a rung of the ladder. NumPy in, NumPy out."""
    (m, k), n = a.shape, b.shape[0 if transposed else 1]
    grid, block, shared, constants = launch_of(kernel.name, m, n)
    c = cuda.asarray(np.full((m, n), np.nan, a.dtype))
    sizes = (np.uint32(m), np.uint32(n), np.uint32(k))
    kernel(
        grid, block, (cuda.asarray(a), cuda.asarray(b), c, *sizes), shared_mem=shared, **constants
    )
    return cuda.asnumpy(c)


def profile(kernel: KernelFile, m: int, n: int, k: int, transposed: bool = False) -> Profile:
    """What a rung does to memory for random operands of these sizes, in the simulator."""
    rng, dtype = np.random.default_rng(0), BF16 if kernel.name == "matmul_bf16" else np.float32
    a = rng.standard_normal((m, k)).astype(dtype)
    b = rng.standard_normal((n, k) if transposed else (k, n)).astype(dtype)
    grid, block, shared, constants = launch_of(kernel.name, m, n)
    compiled = kernel.compiled(sim, **constants)
    arrays = [sim.asarray(x) for x in (a, b, np.zeros((m, n), dtype))]
    sizes = (np.uint32(m), np.uint32(n), np.uint32(k))
    compiled(grid, block, (*arrays, *sizes), shared_mem=shared)
    return compiled.profile()


def traffic(kernel: KernelFile, m: int = 128, n: int = 128, k: int = 64) -> tuple[float, float]:
    """For each multiplication: bytes read from memory, and a thread's reads of shared memory."""
    found, products = profile(kernel, m, n, k), m * n * k
    sectors = sum(r.moved for r in found.rows if (r.space, r.op) == ("global", "load"))
    return 32 * sectors / products, 32 * requests(found, "load", "shared") / products
