"""Five kernel files with their inputs and oracles: what the simulator must get right, and its timings."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import ml_dtypes
import numpy as np

from mlstack_lib import sim
from mlstack_lib.kernels import PACKAGED

FOLDER = Path(__file__).parent / "kernels"
BF16 = ml_dtypes.bfloat16
LOG2E = 1.4426950408889634
f32 = np.float32


@dataclass(frozen=True)
class Case:
    """A kernel with a launch: make(rng) -> (arguments, {index of an output: (expected, tolerance)})."""

    file: str
    name: str
    grid: tuple
    block: tuple
    make: Callable
    shared: int = 0

    def kernel(self, code: str | None = None) -> sim.RawKernel:
        """The kernel, of changed text if `code` is given."""
        code = code or text(self.file)
        names = [self.name] if "<" in self.name else None
        options = (f"-I{PACKAGED}",)
        kernel = sim.RawModule(code, options=options, name_expressions=names).get_function(
            self.name
        )
        kernel.max_dynamic_shared_size_bytes = 227 << 10
        return kernel

    def run(self, kernel: sim.RawKernel, seed: int = 0) -> list[float]:
        """Launch it on random inputs; return the error of each output, in units of its tolerance."""
        arguments, expected = self.make(np.random.default_rng(seed))
        device = [sim.asarray(a) if isinstance(a, np.ndarray) else a for a in arguments]
        kernel(self.grid, self.block, tuple(device), shared_mem=self.shared)
        return [
            float(np.max(np.abs(device[i].astype(np.float64) - want)) / tolerance)
            for i, (want, tolerance) in expected.items()
        ]


def text(file: str) -> str:
    """The text of a kernel file."""
    return (FOLDER / file).read_text(encoding="utf-8")


# ---- inputs and oracles ----


def reduce_case(name: str, n: int, grid: int) -> Case:
    """Sum of n random numbers."""

    def make(rng):
        x = rng.standard_normal(n, f32)
        exact, bound = x.astype(np.float64), np.abs(x).sum(dtype=np.float64)
        if name == "reduce_tree":
            padded = np.zeros(grid * 256)
            padded[:n] = exact
            # 8 levels of the tree, each rounds by at most 2**-24 of the sum of magnitudes
            return (x, np.full(grid, np.nan, f32), np.int32(n)), {
                1: (padded.reshape(grid, 256).sum(1), 8 * 2**-24 * 300)
            }
        count = np.int32(n // 4 if name == "reduce_float4" else n)
        # a thread adds up its part in a row, then 10 levels and `grid` atomics
        steps = n // (grid * 256) + 10 + grid
        return (x, np.zeros(1, f32), count), {1: (exact.sum(), steps * 2**-24 * bound)}

    return Case("reduce.cu", name, (grid,), (256,), make)


def layernorm_case(name: str, rows: int, width: int) -> Case:
    """LayerNorm of random rows."""

    def make(rng):
        x = rng.standard_normal((rows, width), f32) * 2 + 1
        weight, bias = rng.standard_normal((2, width), f32)
        x64 = x.astype(np.float64)
        centred = x64 - x64.mean(1, keepdims=True)
        want = centred / np.sqrt(x64.var(1, keepdims=True) + 1e-5) * weight + bias
        scalars = np.int32(rows), np.int32(width), f32(1e-5)
        # |xhat * weight| stays below 16; mean and rstd carry some 30 roundings
        return (x, weight, bias, np.full_like(x, np.nan), *scalars), {3: (want, 16 * 30 * 2**-24)}

    grid, block = ((rows + 7) // 8, 256) if name == "layernorm_warp" else (rows, 128)
    return Case("layernorm.cu", name, (grid,), (block,), make)


def matmul_case(n: int) -> Case:
    """Product of two random squares."""

    def make(rng):
        a, b = rng.standard_normal((2, n, n), f32)
        want = a.astype(np.float64) @ b
        bound = (np.abs(a).astype(np.float64) @ np.abs(b)).max()
        return (a, b, np.full_like(a, np.nan), np.int32(n)), {2: (want, n * 2**-24 * bound)}

    return Case("matmul.cu", "matmul_tiled", (n // 16, n // 16), (16, 16), make)


def _attention(q, k, v) -> tuple[np.ndarray, np.ndarray]:
    q, k, v = (a.astype(np.float64) for a in (q, k, v))
    scores = q @ k.swapaxes(1, 2) / np.sqrt(q.shape[-1])
    scores = np.where(np.tril(np.ones(scores.shape[1:], bool)), scores, -np.inf)
    top = scores.max(-1, keepdims=True)
    exponentials = np.exp(scores - top)
    total = exponentials.sum(-1, keepdims=True)
    return exponentials / total @ v, (top + np.log(total))[..., 0]


def attention_case(dtype: str, heads: int, length: int) -> Case:
    """Causal attention on random q, k, v."""

    def make(rng):
        q, k, v = rng.standard_normal((3, heads, length, 64), f32)
        if dtype == "bf16":
            q, k, v = (a.astype(BF16) for a in (q, k, v))
        want, lse = _attention(q, k, v)
        out, got_lse = np.full_like(q, np.nan), np.full((heads, length), np.nan, f32)
        factor = LOG2E if dtype == "bf16" else 1.0
        scalars = np.int32(length), f32(0.125 * factor)
        # f32: scores of 64 products and sums of `length` terms; bf16: p and out are rounded to 2**-8
        tolerance = 2**-8 * 4 if dtype == "bf16" else 2**-24 * (64 + length)
        return (q, k, v, out, got_lse, *scalars), {
            3: (want, tolerance),
            4: (lse, 2**-24 * (64 + length)),
        }

    name, shared = {"f32": ("attention_f32<true>", 4 * 64 * 65 * 4),
                    "bf16": ("attention_bf16", 5 * 8192)}[dtype]  # fmt: skip
    return Case(f"attention_{dtype}.cu", name, (length // 64, heads), (128,), make, shared)


SMALL = [
    reduce_case("reduce_tree", 1000, 4), reduce_case("reduce_shuffle", 5000, 3),
    reduce_case("reduce_float4", 4096, 2), layernorm_case("layernorm_warp", 21, 97),
    layernorm_case("layernorm_block", 5, 200), matmul_case(48), attention_case("f32", 2, 128),
    attention_case("bf16", 2, 128),
]  # fmt: skip
LARGE = [
    reduce_case("reduce_tree", 1 << 20, 4096), reduce_case("reduce_shuffle", 1 << 20, 64),
    reduce_case("reduce_float4", 1 << 20, 64), layernorm_case("layernorm_warp", 4096, 384),
    layernorm_case("layernorm_block", 4096, 384), matmul_case(256), attention_case("f32", 4, 256),
    attention_case("bf16", 4, 256),
]  # fmt: skip
