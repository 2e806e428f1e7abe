"""Data parallelism over the cores of `cpu`: each takes some sequences through the whole model.

Cores that share every operation meet at each of them, about 85 times in a step of preset `laptop`,
and then all want Python's lock in the same microsecond; cores with sequences of their own meet
once, when their gradients are added up. The sum depends on how many they are, never on their speed.
"""

from contextlib import nullcontext
from copy import deepcopy

import numpy as np

from .backend import constant
from .gpt import GPT
from .launchers.cpu_blocks import cores, in_blocks, in_shares
from .ops import IGNORE_INDEX
from .optim import FlatOptimizer, view

# Between the operations Python runs one thread at a time, about 5 ms for each part of preset
# `laptop`, which has four times as much work as the least that is divided.
PARTS = 4  # at most
WORTH_DIVIDING = 1 << 27  # multiply-adds of a forward pass


class DataParallel:
    """A model and its optimizer, whose batches may be divided among the cores.

    They are on `cpu`, if the model is large enough and has no dropout, whose bits depend on an
    element's place in the batch; elsewhere a batch stays whole. The weights of every part are the
    same memory; each part but the first has a gradient buffer of its own.
    """

    def __init__(self, model: GPT, optimizer: FlatOptimizer):
        self.model, self.optimizer = model, optimizer
        self._twins: list[tuple[GPT, np.ndarray]] = []

    def backward(self, idx, targets, order=None, share: float = 1.0):
        """Add the gradient of share * model.loss(idx, targets) to the gradients; return the loss.

        idx, targets, order: see GPT.loss. The loss (), f32, as an array of the device.
        """
        parts = self._parts(idx)
        if parts > 1:
            return self._backward_of_parts(idx, targets, share, parts)
        loss = self.model.loss(idx, targets, order)
        loss.backward(None if share == 1 else constant(loss.data, share))
        return loss.data

    def _parts(self, idx) -> int:
        small = idx.size * self.optimizer.params.size < WORTH_DIVIDING
        if self.optimizer.device.name != "cpu" or self.model.config.dropout or small:
            return 1
        return min(len(cores()), PARTS, len(idx))

    def _backward_of_parts(self, idx, targets, share: float, parts: int):
        while len(self._twins) < parts - 1:
            self._twins.append(self._new_twin())
        ends = [len(idx) * i // parts for i in range(parts + 1)]
        kept = [
            np.count_nonzero(targets[a:b] != IGNORE_INDEX)
            for a, b in zip(ends, ends[1:], strict=False)
        ]
        losses = [0.0] * parts

        def work(first, last):
            for i in range(first, last):
                weight, rows = kept[i] / max(sum(kept), 1), slice(ends[i], ends[i + 1])
                losses[i] = weight * self._backward_of(i, idx[rows], targets[rows], weight * share)

        in_shares(parts, idx.size * self.optimizer.params.size, work)
        for _, grads in self._twins[: parts - 1]:
            _add_to(self.optimizer.grads, grads)
        return np.asarray(sum(losses), self.optimizer.params.dtype)

    def _backward_of(self, part: int, idx, targets, share: float) -> float:
        """The loss of a part; its gradient, times share, goes to the gradients of its model."""
        model, step = self.model, nullcontext()  # the first part is in the caller's step
        if part:
            model, _ = self._twins[part - 1]
            model.zero_grad()
            step = self.optimizer.device.step(("part", idx.shape))
        with step:
            loss = model.loss(idx, targets)
            loss.backward(np.asarray(share, loss.dtype))
            return loss.item()

    def _new_twin(self) -> tuple[GPT, np.ndarray]:
        """The model again, with the same weights in memory, and the buffer of its gradients."""
        grads, same = np.zeros_like(self.optimizer.grads), {}
        for t, start in zip(self.optimizer.tensors, self.optimizer.starts, strict=False):
            same |= {id(t.data): t.data, id(t.grad_view): view(grads, start, t.shape)}
        return deepcopy(self.model, same), grads


def _add_to(total: np.ndarray, x: np.ndarray) -> None:
    in_blocks(total.size, 1, lambda _, a, b: np.add(total[a:b], x[a:b], out=total[a:b]))
