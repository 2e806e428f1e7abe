"""Optimizers over flat buffers, and learning-rate schedules."""

import math
from collections.abc import Callable, Iterable

import numpy as np

from .array import SCHEDULED, Slot
from .autograd import Tensor
from .backend import backend
from .nn import Module

ALIGNMENT = 256  # bytes: what WebGPU may ask of the offset of a buffer view


class FlatOptimizer:
    """Parameters and gradients moved into flat buffers, so that an update is one kernel.

    Matrices come first, then vectors; every tensor begins at a multiple of 256 bytes, and the gaps
    hold zeros. `step` may be called by itself, or, in a recorded training loop, `update` after the
    schedule's row was brought into the device's state by `advance`.
    """

    def __init__(
        self,
        parameters: Module | Iterable[Tensor],
        *,
        lr: float,
        weight_decay: float,
        max_norm: float | None,
        moments: int,
    ):
        tensors = parameters.parameters() if isinstance(parameters, Module) else list(parameters)
        if not tensors:
            raise ValueError("optimizer: there are no parameters to train")
        self.tensors = sorted(tensors, key=lambda t: t.ndim < 2)  # stable: matrices, then vectors
        self.lr, self.weight_decay = lr, weight_decay
        self.max_norm = math.inf if max_norm is None else max_norm
        self.steps = 0
        self.device = self.tensors[0].device
        self._flatten(moments)
        self._load_row()

    def _flatten(self, moments: int) -> None:
        dtype = self.tensors[0].dtype
        unit = ALIGNMENT // dtype.itemsize
        sizes = [math.prod(t.shape) for t in self.tensors]
        self.starts = np.cumsum([0] + [-(-size // unit) * unit for size in sizes]).tolist()
        self.n_decay = self.starts[sum(t.ndim >= 2 for t in self.tensors)]
        flat = np.zeros(self.starts[-1], dtype)
        for t, start, size in zip(self.tensors, self.starts, sizes, strict=False):
            flat[start : start + size] = t.numpy().ravel()
        self.params, self.grads, *self.moments = (
            self.device.upload(values) for values in (flat, *[np.zeros_like(flat)] * (1 + moments))
        )
        for t, start in zip(self.tensors, self.starts, strict=False):
            t.data, t.grad_view = (
                view(self.params, start, t.shape),
                view(self.grads, start, t.shape),
            )
            t.grad = None

    def zero_grad(self) -> None:
        """Forget the gradients: the next backward writes where this one would have added."""
        for t in self.tensors:
            t.grad = None

    def step(self) -> None:
        """One update by the gradients there are, with the learning rate `lr`."""
        self.steps += 1
        self._load_row()
        self.update()

    def update(self) -> None:
        """The launches of an update: gradient norm, clipping, new parameters. Asks nothing back."""
        k, state = backend(self.params), self.device.state
        for t in self.tensors:
            if t.grad is None:  # took no part in the loss; its place holds an older gradient
                k.fill(t.grad_view, 0)
        k.clip_coefficient(k.squared_norm(self.grads), state, self.max_norm)
        self._launch(k, state)

    def schedule(self, first: int, rates: Iterable[float]) -> np.ndarray:
        """Rows for `advance`: (K, 4) f32, for the updates numbered from `first` on."""
        rows = [self._row(step, rate) for step, rate in enumerate(rates, first)]
        return np.asarray(rows, np.float32).reshape(-1, SCHEDULED)

    def _load_row(self) -> None:
        values = np.zeros(self.device.state.shape, self.device.state.dtype)
        values[:SCHEDULED] = self._row(self.steps, self.lr)
        values[Slot.DROPOUT] = self.steps
        self.device.write(self.device.state, values)

    def _row(self, step: int, rate: float) -> tuple:
        return step, rate, 1, 1

    def _launch(self, k, state) -> None:
        raise NotImplementedError

    def moment_dict(self) -> dict[str, np.ndarray]:
        """The moments on the host, by name."""
        return {f"moment.{i}": self.device.download(m) for i, m in enumerate(self.moments, 1)}

    def load_moment_dict(self, values: dict[str, np.ndarray]) -> None:
        """Overwrite the moments by what `moment_dict` gave."""
        for i, moment in enumerate(self.moments, 1):
            self.device.write(moment, values[f"moment.{i}"])


class AdamW(FlatOptimizer):
    """Adam with decoupled weight decay, of matrices only.

    max_norm: the gradient norm above which the gradient is scaled down to it, without asking the
    device. See reference_update.adamw.
    """

    def __init__(
        self,
        parameters: Module | Iterable[Tensor],
        *,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.95),
        eps: float = 1e-8,
        weight_decay: float = 0.1,
        max_norm: float | None = None,
    ):
        self.betas, self.eps = betas, eps
        super().__init__(parameters, lr=lr, weight_decay=weight_decay, max_norm=max_norm, moments=2)

    def _row(self, step, rate):
        return step, rate, *(1 - beta ** max(step, 1) for beta in self.betas)

    def _launch(self, k, state):
        k.adamw(
            self.params,
            self.grads,
            *self.moments,
            state,
            self.n_decay,
            *self.betas,
            self.eps,
            self.weight_decay,
        )


class SGD(FlatOptimizer):
    """Gradient descent with momentum. See reference_update.sgd."""

    def __init__(
        self,
        parameters: Module | Iterable[Tensor],
        *,
        lr: float = 1e-2,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        max_norm: float | None = None,
    ):
        self.momentum = momentum
        super().__init__(parameters, lr=lr, weight_decay=weight_decay, max_norm=max_norm, moments=1)

    def _launch(self, k, state):
        k.sgd(
            self.params,
            self.grads,
            *self.moments,
            state,
            self.n_decay,
            self.momentum,
            self.weight_decay,
        )


def view(flat, start: int, shape: tuple[int, ...]):
    """The part of a flat array from element `start`, as `shape`, in the same memory."""
    if isinstance(flat, np.ndarray):
        return flat[start : start + math.prod(shape)].reshape(shape)
    return flat.view(start, shape)


# ---- schedules: the learning rate of update 1, 2, ... ----


def cosine(peak: float, *, warmup: int, total: int, floor: float) -> Callable[[int], float]:
    """Linear from 0 to peak over `warmup` updates, then half a cosine down to floor at `total`."""

    def rate(step: int) -> float:
        if step <= warmup:
            return peak * step / max(warmup, 1)
        share = min((step - warmup) / max(total - warmup, 1), 1.0)
        return floor + (peak - floor) * 0.5 * (1 + math.cos(math.pi * share))

    return rate


def warmup_stable_decay(
    peak: float, *, warmup: int, total: int, floor: float, decay: float = 0.2
) -> Callable[[int], float]:
    """Linear to peak, then constant, then linear to floor over the last `decay` share of `total`.

    Hu and others 2024, arXiv:2404.06395, section 4.
    """
    start = total - round(decay * total)

    def rate(step: int) -> float:
        if step <= warmup:
            return peak * step / max(warmup, 1)
        share = min(max((step - start) / max(total - start, 1), 0.0), 1.0)
        return peak + (floor - peak) * share

    return rate
