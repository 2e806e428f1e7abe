"""Every differentiable op on small random inputs: for finite differences, and for PyTorch."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mlstack_lib import ops, tensor


@dataclass(frozen=True)
class OpCase:
    """f(*arguments) gives a Tensor or a tuple of them; `inputs` tells what the arguments are.

    An input is a shape (normally distributed, f64), ("positive", shape) for numbers above 0.5, or
    an array of whole numbers.
    """

    f: Callable
    inputs: tuple

    def arguments(self, label: str) -> list[np.ndarray]:
        """The arrays of this case, the same every time."""
        rng = np.random.default_rng(zlib.crc32(label.encode()))
        return [_array(given, rng) for given in self.inputs]

    def cotangents(self, label: str, results) -> list[np.ndarray]:
        """A random gradient for each result, the same every time."""
        rng = np.random.default_rng(zlib.crc32(label.encode()) + 1)
        return [rng.standard_normal(tuple(result.shape)) for result in results]


def _array(given, rng):
    if isinstance(given, np.ndarray):
        return given
    if given and given[0] == "positive":
        return np.abs(rng.standard_normal(given[1])) + 0.5
    return np.asarray(rng.standard_normal(given))


def case(f: Callable, *inputs) -> OpCase:
    """An OpCase of these inputs."""
    return OpCase(f, inputs)


IDX = np.array([[0, 3, 3, 1], [4, 3, 0, 0]])
TARGETS = np.array([2, -1, 0, 4, -1, 2])
AT = np.array([2, 0, 2])


def tensors(results) -> tuple:
    """The results of an op as a tuple."""
    return results if isinstance(results, tuple) else (results,)


# By op, or "op: what is special about the case".
CASES = {
    "add": case(ops.add, (2, 3), (2, 3)),
    "add: broadcast": case(ops.add, (4, 1, 3), (2, 1)),
    "sub": case(ops.sub, (2, 3), (2, 3)),
    "sub: broadcast": case(ops.sub, (2, 1), (4, 1, 3)),
    "mul": case(ops.mul, (2, 3), (2, 3)),
    "mul: broadcast": case(ops.mul, (4, 1, 3), (2, 1)),
    "div": case(ops.div, (2, 3), ("positive", (2, 3))),
    "div: broadcast": case(ops.div, (2, 1), ("positive", (4, 1, 3))),
    "neg": case(ops.neg, (2, 3)),
    "power: 3": case(lambda x: ops.power(x, 3), (2, 3)),
    "power: 2.5": case(lambda x: ops.power(x, 2.5), ("positive", (2, 3))),
    "power: -1": case(lambda x: ops.power(x, -1), ("positive", (2, 3))),
    "power: 0": case(lambda x: ops.power(x, 0), (2, 3)),
    "exp": case(ops.exp, (2, 3)),
    "log": case(ops.log, ("positive", (2, 3))),
    "sqrt": case(ops.sqrt, ("positive", (2, 3))),
    "tanh": case(ops.tanh, (2, 3)),
    "relu": case(ops.relu, (4, 5)),
    "gelu": case(ops.gelu, (4, 5)),
    "sum": case(ops.sum, (2, 3, 4)),
    "sum: last axis": case(lambda x: ops.sum(x, -1), (2, 3, 4)),
    "sum: two axes": case(lambda x: ops.sum(x, (0, 2)), (2, 3, 4)),
    "sum: two axes kept": case(lambda x: ops.sum(x, (-1, 0), keepdims=True), (2, 3, 4)),
    "mean": case(ops.mean, (2, 3, 4)),
    "mean: axis": case(lambda x: ops.mean(x, 1), (2, 3, 4)),
    "mean: two axes kept": case(lambda x: ops.mean(x, (0, 1), keepdims=True), (2, 3, 4)),
    "max": case(ops.max, (2, 3, 4)),
    "max: axis": case(lambda x: ops.max(x, 1), (2, 3, 4)),
    "max: axis kept": case(lambda x: ops.max(x, -1, keepdims=True), (2, 3, 4)),
    "reshape": case(lambda x: ops.reshape(x, 4, -1), (2, 3, 4)),
    "reshape: tuple": case(lambda x: ops.reshape(x, (24,)), (2, 3, 4)),
    "transpose": case(ops.transpose, (2, 3, 4)),
    "transpose: axes": case(lambda x: ops.transpose(x, 1, 2, 0), (2, 3, 4)),
    "transpose: from the end": case(lambda x: ops.transpose(x, (-1, 0, -2)), (2, 3, 4)),
    "getitem": case(lambda x: ops.getitem(x, 1), (2, 3, 4)),
    "getitem: slices": case(lambda x: x[:, 1:, ::2], (2, 3, 4)),
    "getitem: one twice": case(lambda x: x[AT], (3, 4)),
    "getitem: mask": case(lambda x: x[np.array([[True, False], [False, True]])], (2, 2, 3)),
    "getitem: new axis": case(lambda x: x[None, ..., 0], (2, 3)),
    "concatenate": case(ops.concatenate, (2, 3), (1, 3), (4, 3)),
    "concatenate: axis": case(lambda *x: ops.concatenate(*x, axis=-1), (2, 3), (2, 1)),
    "matmul": case(ops.matmul, (2, 3), (3, 4)),
    "matmul: stacks": case(ops.matmul, (2, 5, 2, 3), (2, 5, 3, 4)),
    "matmul: one stack": case(ops.matmul, (5, 2, 3), (3, 4)),
    "matmul: broadcast": case(ops.matmul, (2, 1, 2, 3), (4, 3, 2)),
    "linear": case(ops.linear, (2, 3, 4), (5, 4), (5,)),
    "linear: no bias": case(ops.linear, (3, 4), (5, 4)),
    "linear: gelu": case(lambda x, w, b: ops.linear(x, w, b, "gelu"), (3, 4), (5, 4), (5,)),
    "linear: gelu, no bias": case(
        lambda x, w: ops.linear(x, w, activation="gelu"), (2, 3, 4), (5, 4)
    ),
    "softmax": case(ops.softmax, (2, 3, 4)),
    "embedding": case(lambda w: ops.embedding(IDX, w), (6, 3)),
    "embedding: positions": case(lambda w, p: ops.embedding(IDX, w, p), (6, 3), (4, 3)),
    "layernorm": case(ops.layernorm, (2, 3, 4), (4,), (4,)),
    "layernorm: eps": case(
        lambda x, w, b: ops.layernorm(x, w, b, eps=0.1), (3, 4), (4,), (4,)
    ),
    "residual_layernorm": case(ops.residual_layernorm, (2, 3, 4), (2, 3, 4), (4,), (4,)),
    "attention": case(ops.attention, (2, 5, 3, 2, 4)),
    "attention: one token": case(ops.attention, (2, 1, 3, 2, 4)),
    "cross_entropy": case(lambda z: ops.cross_entropy(z, TARGETS), (6, 5)),
    "cross_entropy: three axes": case(
        lambda z: ops.cross_entropy(z, abs(TARGETS).reshape(2, 3), ignore_index=2), (2, 3, 5)
    ),
    "dropout": case(lambda x: ops.dropout(x, 0.4, seed=1, layer=2), (4, 5)),
}  # fmt: skip


def op_of(label: str) -> str:
    """The op that a case is about."""
    return label.split(":")[0]


def value_and_gradients(label: str, dtype=np.float64) -> list[np.ndarray]:
    """What the op gives, then the gradient of every floating argument for random cotangents."""
    chosen = CASES[label]
    inputs = [tensor(x.astype(dtype), requires_grad=True) for x in chosen.arguments(label)]
    results = tensors(chosen.f(*inputs))
    cotangents = chosen.cotangents(label, results)
    parts = [ops.sum(r * c.astype(dtype)) for r, c in zip(results, cotangents, strict=True)]
    sum(parts[1:], parts[0]).backward()
    return [r.numpy() for r in results] + [x.grad.numpy() for x in inputs]
