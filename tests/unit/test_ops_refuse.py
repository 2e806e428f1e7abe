"""Ops refuse shapes, dtypes and numbers they cannot take, and say what they want."""

from types import SimpleNamespace

import numpy as np
import pytest

from mlstack_lib import ops
from mlstack_lib.array import Array

A23, A3 = np.ones((2, 3)), np.ones(3)
IDX = np.array([[0, 1]])

REFUSED = {
    "add of shapes": (
        lambda: ops.add(A23, np.ones(2)),
        ValueError,
        r"add: shapes \(2, 3\) and \(2,\)",
    ),
    "mul of shapes": (
        lambda: ops.mul(A23, np.ones((3, 3))),
        ValueError,
        "mul: shapes .* do not bro",
    ),
    "power of an array": (
        lambda: ops.power(A23, A3),
        TypeError,
        "exponent must be a number, got nd",
    ),
    "matmul": (
        lambda: ops.matmul(A23, A23),
        ValueError,
        r"a is \(2, 3\), b is \(2, 3\); need \(M, K",
    ),
    "matmul of a vector": (lambda: ops.matmul(A23, A3), ValueError, r"b is \(3,\)"),
    "linear": (
        lambda: ops.linear(A23, np.ones((3, 2))),
        ValueError,
        r"weight is \(3, 2\); .*\(out, in",
    ),
    "linear with a vector": (lambda: ops.linear(A23, A3), ValueError, r"weight is \(3,\)"),
    "linear's bias": (
        lambda: ops.linear(A23, A23, A3),
        ValueError,
        r"bias must be \(2,\) .*, got \(3,\)",
    ),
    "linear's activation": (
        lambda: ops.linear(A23, A23, activation="relu"),
        ValueError,
        "'relu', not None or 'gelu'",
    ),
    "layernorm": (
        lambda: ops.layernorm(A23, A3, np.ones(2)),
        ValueError,
        r"must be \(3,\), got \(3,\) and \(2,\)",
    ),
    "softmax of empty rows": (
        lambda: ops.softmax(np.ones((3, 0))),
        ValueError,
        r"softmax: x is \(3, 0\); a row needs an element",
    ),
    "layernorm of empty rows": (
        lambda: ops.layernorm(np.ones((3, 0)), np.ones(0), np.ones(0)),
        ValueError,
        r"layernorm: x is \(3, 0\); a row needs an element",
    ),
    "attention of nothing": (
        lambda: ops.attention(np.ones((1, 0, 3, 2, 4))),
        ValueError,
        r"qkv is \(1, 0, 3, 2, 4\), need \(B, T, 3, H, D\), none of them 0",
    ),
    "cross_entropy without classes": (
        lambda: ops.cross_entropy(np.ones((3, 0)), np.array([0, 0, 0])),
        ValueError,
        r"logits are \(3, 0\), targets \(3,\); .*V at least 1",
    ),
    "residual_layernorm": (
        lambda: ops.residual_layernorm(A23, np.ones((3, 3)), A3, A3),
        ValueError,
        r"delta is \(3, 3\)",
    ),
    "residual_layernorm's weight": (
        lambda: ops.residual_layernorm(A23, A23, np.ones(4), A3),
        ValueError,
        r"got \(4,\) and \(3,\)",
    ),
    "attention": (
        lambda: ops.attention(np.ones((2, 5, 4, 2, 3))),
        ValueError,
        r"need \(B, T, 3, H, D\)",
    ),
    "attention of four axes": (
        lambda: ops.attention(np.ones((2, 5, 3, 2))),
        ValueError,
        "attention: qkv",
    ),
    "dropout of all": (
        lambda: ops.dropout(A23, 1.0),
        ValueError,
        r"rate is 1.0, must be in \[0, 1\)",
    ),
    "dropout below zero": (lambda: ops.dropout(A23, -0.1), ValueError, "rate is -0.1"),
    "embedding of a float": (
        lambda: ops.embedding(A3, A23),
        TypeError,
        "whole numbers, got float64",
    ),
    "embedding too high": (
        lambda: ops.embedding(IDX + 1, A23),
        IndexError,
        r"embedding: 2 is not in 0..1",
    ),
    "embedding below zero": (lambda: ops.embedding(IDX - 1, A23), IndexError, r"-1 is not in 0..1"),
    "cross_entropy of shapes": (
        lambda: ops.cross_entropy(A23, np.zeros(3, int)),
        ValueError,
        r"targets \(3,\); need \(..., V\)",
    ),
    "cross_entropy of floats": (
        lambda: ops.cross_entropy(A23, np.zeros(2)),
        TypeError,
        "whole numbers, got float64",
    ),
    "cross_entropy too high": (
        lambda: ops.cross_entropy(A23, np.array([0, 3])),
        IndexError,
        "3 is not in 0..2",
    ),
    "cross_entropy below zero": (
        lambda: ops.cross_entropy(A23, np.array([-1, -2])),
        IndexError,
        "-2 is not in 0..2",
    ),
    "cross_entropy below an ignored": (
        lambda: ops.cross_entropy(A23, np.array([-1, -9]), ignore_index=-9),
        IndexError,
        "-1 is not in",
    ),
    "cross_entropy above an ignored": (
        lambda: ops.cross_entropy(A23, np.array([9, 8]), ignore_index=9),
        IndexError,
        "8 is not in",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_is_refused_with_what_came_and_what_is_wanted(what):
    call, error, message = REFUSED[what]
    with pytest.raises(error, match=message):
        call()


CPU_ONLY = ["sub", "mul", "div", "neg", "exp", "log", "sqrt", "tanh", "relu", "sum", "mean", "max"]
CPU_ONLY += ["transpose", "getitem", "concatenate"]


@pytest.mark.parametrize("name", CPU_ONLY)
def test_an_op_of_cpu_alone_says_so_for_an_array_of_another_device(name):
    there = Array(SimpleNamespace(name="webgpu"), None, (2,), np.dtype(np.float32))
    second = [there] if name in ("sub", "mul", "div") else [0] if name == "getitem" else []
    with pytest.raises(
        NotImplementedError, match=rf"{name}: runs on cpu only, got webgpu; use .to"
    ):
        getattr(ops, name)(there, *second)
