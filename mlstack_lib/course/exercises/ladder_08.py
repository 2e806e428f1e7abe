"""Ladders of chapter 08: threads, shapes of a block, transposing, sums."""

import numpy as np

from ..kernel_files import solution
from ..ladders import Ladder, Rung
from .chapter_08 import blocks_for

BLOCK = 256
PLACES = 2048  # threads that a multiprocessor of an H100 holds at once
SIZES = {"threads": 1 << 25, "shapes": (16384, 4096), "transpose": 8192, "sum": 1 << 28}


def ladders(cupy, torch) -> list[Ladder]:
    """The chapter's ladders, on CuPy's device; each rung has an output of its own."""
    rng = np.random.default_rng(0)
    return [
        _threads(cupy, torch, rng, SIZES["threads"]),
        _shapes(cupy, torch, rng, *SIZES["shapes"]),
        _transpose(cupy, torch, rng, SIZES["transpose"]),
        _sum(cupy, torch, rng, SIZES["sum"]),
    ]


def _error(cupy, got, want: np.ndarray) -> float:
    largest = np.abs(want).max()
    return float(np.abs(cupy.asnumpy(got) - want).max() / largest)


def _multiprocessors(cupy) -> int:
    return cupy.cuda.Device().attributes["MultiProcessorCount"]


# ---- axpy: more and more threads ----


def _threads(cupy, torch, rng, n: int) -> Ladder:
    x, y = (rng.standard_normal(n, dtype=np.float32) for _ in range(2))
    sms, device_x = _multiprocessors(cupy), cupy.asarray(x)
    launches = [
        ("1 warp", 1, 32), (f"1 block of {BLOCK}", 1, BLOCK), (f"{sms} blocks", sms, BLOCK),
        (f"{sms * PLACES // BLOCK:,} blocks", sms * PLACES // BLOCK, BLOCK),
        (f"{blocks_for(n, BLOCK):,} blocks", blocks_for(n, BLOCK), BLOCK),
    ]  # fmt: skip
    rungs = [_axpy(cupy, device_x, y, y + 2 * x, *launch) for launch in launches]
    tensor, out = torch.from_dlpack(device_x), cupy.asarray(y)
    torch_out = torch.from_dlpack(out)
    rungs.append(Rung("PyTorch", "", lambda: torch_out.add_(tensor, alpha=2),
                      lambda: _error(cupy, out, y + 2 * x)))  # fmt: skip
    return Ladder("threads", f"axpy of {n:,} numbers, f32", 12 * n, 0, 1e-6, rungs)


def _axpy(cupy, x, y: np.ndarray, want: np.ndarray, name: str, grid: int, block: int) -> Rung:
    kernel, out = solution("axpy"), cupy.asarray(y)  # its own y: every launch changes it
    args = (np.float32(2), x, out, np.uint32(len(y)))
    return Rung(name, "axpy", lambda: kernel((grid,), (block,), args),
                lambda: _error(cupy, out, want))  # fmt: skip


# ---- add_bias: the shape of a block ----


def _shapes(cupy, torch, rng, rows: int, columns: int) -> Ladder:
    x = rng.standard_normal((rows, columns), dtype=np.float32)
    bias = rng.standard_normal(columns, dtype=np.float32)
    device_x, device_bias, want = cupy.asarray(x), cupy.asarray(bias), x + bias

    def rung(block: tuple[int, int]) -> Rung:
        kernel, y = solution("add_bias"), cupy.empty(x.shape, np.float32)
        grid = (blocks_for(columns, block[0]), blocks_for(rows, block[1]))
        args = (device_x, device_bias, y, np.uint32(rows), np.uint32(columns))
        return Rung(f"block {block}", "add_bias", lambda: kernel(grid, block, args),
                    lambda: _error(cupy, y, want))  # fmt: skip

    rungs = [rung(block) for block in [(256, 1), (32, 8), (8, 32), (4, 64), (1, 256)]]
    y = cupy.empty(x.shape, np.float32)
    tensors = [torch.from_dlpack(array) for array in (device_x, device_bias, y)]
    rungs.append(Rung("PyTorch", "", lambda: torch.add(*tensors[:2], out=tensors[2]),
                      lambda: _error(cupy, y, want)))  # fmt: skip
    nbytes = 4 * (2 * rows * columns + columns)
    return Ladder("shapes", f"add_bias, x ({rows:,}, {columns:,}) f32", nbytes, 0, 1e-6, rungs)


# ---- transpose ----


def _transpose(cupy, torch, rng, n: int) -> Ladder:
    x = rng.standard_normal((n, n), dtype=np.float32)
    device_x = cupy.asarray(x)

    def rung(title: str, name: str, rows_of_block: int) -> Rung:
        kernel, grid = solution(name), (blocks_for(n, 32), blocks_for(n, rows_of_block))
        y = cupy.empty((n, n), np.float32)
        args = (device_x, y, np.uint32(n), np.uint32(n))
        return Rung(title, name, lambda: kernel(grid, (32, 8), args),
                    lambda: _error(cupy, y, x.T))  # fmt: skip

    rungs = [
        rung("straight to y", "transpose_naive", 8),
        rung("by a tile of 32 x 32", "transpose_banks", 32),
        rung("by a tile of 32 x 33", "transpose", 32),
    ]
    y = cupy.empty((n, n), np.float32)
    tensor, out = torch.from_dlpack(device_x), torch.from_dlpack(y)
    rungs.append(Rung("PyTorch", "", lambda: out.copy_(tensor.T),
                      lambda: _error(cupy, y, x.T)))  # fmt: skip
    return Ladder("transpose", f"x ({n:,}, {n:,}) f32", 8 * n * n, 0, 0.0, rungs)


# ---- the sum ----


def _sum(cupy, torch, rng, n: int) -> Ladder:
    """Numbers around a mean that is not 0, so that the sum is not by chance near 0.

    The tolerance is for the atomic total, which is rounded n times to its own ulp, 2^-8 at the
    end: off by about 2^-8 / sqrt(12) * sqrt(n) = 18 of 65,536. The others are far better.
    """
    x = rng.standard_normal(n, dtype=np.float32)
    x += np.float32(2**-12)
    want = x.sum(dtype=np.float64)
    device_x, blocks = cupy.asarray(x), _multiprocessors(cupy) * PLACES // BLOCK
    rungs = [_sum_atomic(cupy, device_x, want)]
    for title, name, grid in [
        ("tree of neighbours", "sum_neighbours", None), ("tree of halves", "sum_halves", None),
        ("many numbers a thread", "sum_many", blocks), ("warp shuffles", "sum_warps", blocks),
        ("16 bytes a load", "sum_vector", blocks),
    ]:  # fmt: skip
        rungs.append(_sum_of_parts(cupy, device_x, want, title, name, grid))
    tensor, out = torch.from_dlpack(device_x), cupy.zeros(1, np.float32)
    torch_out = torch.from_dlpack(out)
    rungs.append(Rung("PyTorch", "", lambda: torch.sum(tensor, (0,), True, out=torch_out),
                      lambda: _error(cupy, out, want)))  # fmt: skip
    return Ladder("sum", f"{n:,} numbers, f32", 4 * n, 0, 2e-3, rungs)


def _sum_atomic(cupy, x, want: float) -> Rung:
    kernel, total = solution("sum_atomic"), cupy.zeros(1, np.float32)
    grid, args = (blocks_for(len(x), BLOCK),), (x, total, np.uint32(len(x)))
    return Rung("an atomic a number", "sum_atomic", lambda: kernel(grid, (BLOCK,), args),
                lambda: _error(cupy, total, want))  # fmt: skip


def _sum_of_parts(cupy, x, want: float, title: str, name: str, blocks: int | None) -> Rung:
    """Launches that follow each other until one part is left; blocks None: a thread a number."""
    kernel, launches = solution(name), []
    while len(x) > 1:
        grid = blocks_for(len(x), BLOCK)
        grid = grid if blocks is None else min(grid, blocks if not launches else 1)
        parts = cupy.empty(grid, np.float32)
        launches.append(((grid,), (x, parts, np.uint32(len(x)))))
        x = parts

    def run() -> None:
        for grid, args in launches:
            kernel(grid, (BLOCK,), args, BLOCK=BLOCK)

    return Rung(title, name, run, lambda: _error(cupy, x, want))
