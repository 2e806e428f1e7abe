"""Tensors of awkward shapes, and updates of them, for the tests of the optimizers."""

import numpy as np

import mlstack_lib as ml
from mlstack_lib import ops

SHAPES = [(5,), (3, 4), (), (64,), (2, 3, 4), (65, 1), (1,)]


def tensors_of(shapes=SHAPES, dtype=np.float64, seed=0):
    """Random leaves of these shapes."""
    rng = np.random.default_rng(seed)
    return [ml.tensor(rng.standard_normal(s).astype(dtype), requires_grad=True) for s in shapes]


def give(tensors, gradients):
    """Backward that gives each tensor its gradient (None: it takes no part)."""
    parts = [ops.sum(t * g) for t, g in zip(tensors, gradients, strict=True) if g is not None]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    total.backward()


def random_gradients(step, shapes=SHAPES, size=1.0):
    """A gradient for each shape, another at every step."""
    rng = np.random.default_rng(100 + step)
    return [size * rng.standard_normal(shape) for shape in shapes]
