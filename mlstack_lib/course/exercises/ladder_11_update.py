"""The rungs of an AdamW update of chapter 11: a launch a tensor, one launch, with clipping."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from ..kernel_files import solution
from ..ladders import Ladder, Rung, as_graph
from .chapter_08 import blocks_for
from .launches_11 import HYPER, step_state

BLOCK, NORM_BLOCKS, PLACES = 256, 264, 2048
LR, MAX_NORM = 1e-3, 1.0
FIRST = {"LEARNING_RATE": LR, "BIAS_CORRECTION1": 1 - HYPER["beta1"],
         "BIAS_CORRECTION2": 1 - HYPER["beta2"]}  # fmt: skip


class Arrays:
    """The arrays of one rung on CuPy's device: moments of 0, as before the first update."""

    def __init__(self, cupy, params: np.ndarray, grads: np.ndarray):
        self.params, self.grads = cupy.asarray(params), cupy.asarray(grads)
        self.m, self.v = (cupy.zeros(len(params), np.float32) for _ in range(2))
        self.state = cupy.asarray(step_state(**FIRST, STEP=1, CLIP=1))
        self.parts = cupy.zeros(NORM_BLOCKS, np.float32)
        self.norm2 = cupy.zeros(1, np.float32)

    def four(self, begin: int = 0, end: int | None = None) -> tuple:
        """grads, params, m, v from element `begin` to `end`, views."""
        return tuple(x[begin:end] for x in (self.grads, self.params, self.m, self.v))


# ---- the launches ----


@cache
def _kernel(name: str, **constants):
    """Compiled once: to look for it again would be counted as time of the launch."""
    return solution(name).compiled(**constants)


def _hyper() -> list:
    return [np.float32(value) for value in HYPER.values()]


def by_tensor(a: Arrays, sizes: list[int], clip: float = 1.0) -> None:
    """adamw_tensor, a launch for each tensor; all numbers are the host's."""
    kernel, begin = _kernel("adamw_tensor", BLOCK=BLOCK), 0
    numbers = [np.float32(value) for value in (*FIRST.values(), clip)]
    for size in sizes:
        args = (*a.four(begin, begin + size), np.uint32(size), *numbers, *_hyper())
        kernel((blocks_for(size, BLOCK),), (BLOCK,), args)
        begin += size


def flat(a: Arrays, grid: int | None = None) -> None:
    """The packaged adamw over all; a grid with a thread for each four, if none is given."""
    n = len(a.params)
    grads, *others = a.four()
    args = (grads, a.state, *others, np.uint32(n), np.uint32(n), *_hyper())
    grid = blocks_for(n, 4 * BLOCK) if grid is None else grid
    _kernel("adamw", BLOCK=BLOCK)((grid,), (BLOCK,), args)


def norm(a: Arrays) -> None:
    """The squared norm of the gradient, in two stages, into norm2."""
    args = (a.grads, a.parts, np.uint32(len(a.grads)))
    _kernel("squared_norm", BLOCK=BLOCK)((NORM_BLOCKS,), (BLOCK,), args)
    sizes = (np.uint32(NORM_BLOCKS), np.uint32(1), np.uint32(NORM_BLOCKS))
    column_sum = _kernel("column_sum", ROWS=8, ACCUMULATE=0)
    column_sum((1, 1), (32, 8), (a.parts, a.norm2, *sizes))


def clipped(a: Arrays) -> None:
    """Norm, coefficient and update; the host is not asked."""
    norm(a)
    _kernel("clip_coefficient")((1,), (1,), (a.norm2, a.state, np.float32(MAX_NORM)))
    flat(a)


# ---- the ladders ----


@dataclass
class Update:
    """An update of a model whose tensors have these sizes, and the ways to it."""

    cupy: object
    torch: object
    sizes: list[int]
    clip: bool

    def __post_init__(self):
        rng, n = np.random.default_rng(0), sum(self.sizes)
        self.params, self.grads = (rng.standard_normal(n, np.float32) for _ in range(2))
        self.coefficient = 1.0
        if self.clip:
            self.coefficient = MAX_NORM / float(np.linalg.norm(self.grads.astype(np.float64)))
        g = self.grads * self.coefficient
        lr, eps, decay = (np.float32(x) for x in (LR, HYPER["eps"], HYPER["weight_decay"]))
        self.want = self.params * (1 - lr * decay) - lr * g / (np.abs(g) + eps)
        self.want_m = (1 - HYPER["beta1"]) * g

    def ladder(self, model: str) -> Ladder:
        """The rungs with what they must read and write; with clipping, the gradient once more."""
        n, of = (
            sum(self.sizes),
            f"of {model}, {sum(self.sizes):,} numbers in {len(self.sizes)} tensors",
        )
        rungs = [*(self._clipped_rungs() if self.clip else self._rungs()), self._torch_rung()]
        if self.clip:
            return Ladder(f"clip_{model}", f"clipping and AdamW {of}", 32 * n, 0, 1e-5, rungs)
        return Ladder(f"adamw_{model}", f"AdamW {of}", 28 * n, 0, 1e-6, rungs)

    def _rungs(self) -> list[Rung]:
        places = self.cupy.cuda.Device().attributes["MultiProcessorCount"] * PLACES // BLOCK
        whole, sizes = [sum(self.sizes)], self.sizes
        return [
            self._rung("a launch a tensor", "adamw_tensor", lambda a: by_tensor(a, sizes)),
            self._rung("the same as a CUDA graph", "adamw_tensor", lambda a: by_tensor(a, sizes),
                       lambda a: by_tensor(a, [64])),
            self._rung("one launch, a number a thread", "adamw_tensor",
                       lambda a: by_tensor(a, whole)),
            self._rung("one launch, 16 bytes a load", "adamw", flat),
            self._rung(f"and {places:,} blocks", "adamw", lambda a: flat(a, places)),
        ]  # fmt: skip

    def _clipped_rungs(self) -> list[Rung]:
        def asking(a: Arrays) -> None:
            norm(a)
            norm2 = float(self.cupy.asnumpy(a.norm2)[0])
            by_tensor(a, [len(a.params)], min(1.0, MAX_NORM / (norm2**0.5 + 1e-6)))

        return [
            self._rung("the host decides", "adamw_tensor", asking),
            self._rung("by a number on the device", "adamw", clipped),
            self._rung("the same as a CUDA graph", "adamw", clipped, clipped),
        ]

    def _rung(self, name: str, kernel: str, run: Callable, warm: Callable | None = None) -> Rung:
        """`run` on arrays of its own; as a graph if something is given to `warm` its kernels."""
        a = Arrays(self.cupy, self.params, self.grads)
        launch = lambda: run(a)  # noqa: E731  (a closure either way)
        if warm:
            small = Arrays(self.cupy, self.params[:64], self.grads[:64])
            launch = as_graph(self.cupy, launch, lambda: warm(small))
        return Rung(name, kernel, launch, lambda: self._error(a.params, a.m))

    def _error(self, params, m) -> float:
        """Of the parameters, and with clipping of m: Adam's first step hides the coefficient."""
        pairs = [(params, self.want)] + [(m, self.want_m)] * self.clip
        got = [(self.cupy.asnumpy(x), want) for x, want in pairs]
        return max(float(np.abs(x - want).max() / np.abs(want).max()) for x, want in got)

    def _torch_rung(self) -> Rung:
        torch, begin, tensors = self.torch, 0, []
        a = Arrays(self.cupy, self.params, self.grads)
        params, grads = torch.from_dlpack(a.params), torch.from_dlpack(a.grads)
        for size in self.sizes:
            tensors.append(torch.nn.Parameter(params[begin : begin + size]))
            tensors[-1].grad = grads[begin : begin + size]
            begin += size
        betas = HYPER["beta1"], HYPER["beta2"]
        optimizer = torch.optim.AdamW(tensors, LR, betas, HYPER["eps"], HYPER["weight_decay"],
                                      fused=True)  # fmt: skip

        def run() -> None:
            if self.clip:
                torch.nn.utils.clip_grad_norm_(tensors, MAX_NORM)
            optimizer.step()

        def error() -> float:
            if not optimizer.state:
                return float("inf")
            m = torch.cat([optimizer.state[p]["exp_avg"] for p in tensors])
            return self._error(a.params, self.cupy.asarray(m.cpu().numpy()))

        name = "PyTorch, clip_grad_norm_ and fused" if self.clip else "PyTorch, fused"
        return Rung(name, "", run, error)
