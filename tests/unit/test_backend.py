"""What serves an operation: the override, else the device's own, and no third choice."""

import numpy as np
import pytest

import mlstack_lib as ml
from mlstack_lib import ops, reference
from mlstack_lib.array import Array
from mlstack_lib.backend import (
    ELSEWHERE,
    ON_CPU,
    OPERATIONS,
    backend,
    calls,
    constant,
    device_of,
    used,
)
from mlstack_lib.devices import device


class Other:
    """A device that has no kernels."""

    name, launches = "other", 0


def x():
    return np.linspace(-2, 2, 6, dtype=np.float32).reshape(2, 3)


@pytest.mark.parametrize("name", OPERATIONS)
def test_on_cpu_the_launcher_serves_or_else_the_reference(name):
    assert getattr(backend(x()), name) is ON_CPU[name]


def test_what_is_not_an_operation_is_an_error_that_names_the_folders_searched():
    message = r"gelu: nothing serves it on cpu; looked in .*kernels"
    with pytest.raises(NotImplementedError, match=message):
        backend(x()).gelu  # noqa: B018  (it is the look-up that raises)


def test_numpy_arrays_and_numbers_are_on_cpu_and_others_where_they_say():
    other = Other()
    assert device_of(x()) is device_of(np.float32(1)) is device("cpu")
    assert device_of(Array(other, None, (2,), np.dtype(np.float32))) is other


def test_a_device_without_kernels_never_falls_back_to_the_cpu():
    array = Array(Other(), None, (2,), np.dtype(np.float32))
    assert backend(array).add is ELSEWHERE["add"]
    with pytest.raises(NotImplementedError, match="pcg4d: nothing serves it on other"):
        backend(array).pcg4d  # noqa: B018


# ---- override ----


def test_an_override_serves_within_the_block_only():
    with ml.override(gelu_forward=lambda x: x * 0 + 7):
        assert (ops.gelu(ml.tensor(x())).numpy() == 7).all()
    assert not (ops.gelu(ml.tensor(x())).numpy() == 7).any()


def test_the_inner_of_two_overrides_wins_and_each_ends_even_after_an_error():
    def failing():
        with ml.override(gelu_forward=np.negative):
            seen.append(backend(x()).gelu_forward)
            raise KeyError

    seen = []
    with ml.override(gelu_forward=np.abs, add=np.subtract):
        with pytest.raises(KeyError):
            failing()
        seen.append(backend(x()).gelu_forward)
    seen.append(backend(x()).gelu_forward)
    assert seen == [np.negative, np.abs, ON_CPU["gelu_forward"]]


@pytest.mark.parametrize(
    ("name", "hint"),
    [("gelu_foward", "gelu_forward"), ("adam", "adamw"), ("softmax_bakward", "softmax_backward")],
)
def test_an_unknown_name_is_refused_with_the_nearest(name, hint):
    message = rf"'{name}', did you mean '{hint}'\?"
    with pytest.raises(NameError, match=message), ml.override(**{name: np.negative}):
        pass


def test_of_several_names_one_unknown_overrides_none():
    with pytest.raises(NameError), ml.override(add=np.subtract, no_such_thing=np.add):
        pass
    assert backend(x()).add is ON_CPU["add"]


def test_a_function_that_is_not_an_operation_cannot_be_overridden():
    with pytest.raises(NameError, match="_masked"), ml.override(_masked=np.negative):
        pass


def small_loss():
    model = ml.GPT(ml.GPTConfig(13, 6, 1, 2, 8), rng=np.random.default_rng(0))
    idx = np.random.default_rng(1).integers(13, size=(2, 6))
    return model.loss(idx, idx).item()


def test_a_wrong_gelu_laid_over_the_package_changes_the_loss():
    def loss():
        hidden = ops.gelu(ml.tensor(x()))
        return ops.cross_entropy(hidden, np.array([0, 2])).item()

    right = loss()
    with ml.override(gelu_forward=lambda x: np.maximum(x, 0)):
        assert abs(loss() - right) > 1e-3
    assert loss() == right


def test_a_wrong_layer_laid_over_the_package_changes_the_loss_of_a_gpt():
    def wrong(x, weight, bias, activation=None):
        y, pre = reference.linear_forward(x, weight, bias)
        return (np.maximum(y, 0), y) if activation == "gelu" else (y, pre)

    right = small_loss()
    with ml.override(linear_forward=wrong):
        assert abs(small_loss() - right) > 1e-5
    assert small_loss() == right


@pytest.mark.parametrize("name", ["linear_forward", "attention_forward", "embedding_forward"])
def test_the_reference_laid_over_the_package_gives_the_same_loss(name):
    right = small_loss()
    with ml.override(**{name: OPERATIONS[name]}):
        assert small_loss() == pytest.approx(right, rel=1e-6)


# ---- what served ----


def test_the_table_of_what_was_used_counts_calls_and_names_files():
    def mine(x):
        return x

    calls.clear()
    with ml.override(gelu_forward=mine):
        ops.gelu(ml.tensor(x()))
        ops.gelu(ml.tensor(x()))
    ops.gelu(ml.tensor(x()))
    rows = used()
    assert [(name, count) for name, _, count in rows] == [("gelu_forward", 1), ("gelu_forward", 2)]
    assert [where.split(": ")[0] for _, where, _ in rows] == ["cpu", "cpu"]
    files = [where.replace("\\", "/") for _, where, _ in rows]
    assert files[0].endswith("mlstack_lib/launchers/cpu_linear.py")
    assert files[1].endswith("test_backend.py")


# ---- constants ----


def test_a_constant_is_uploaded_once_and_kept():
    array = np.zeros((3, 5), np.float64)
    first, before = constant(array, 0.25), device("cpu").transfers
    assert constant(np.ones((3, 5)), 0.25) is first
    assert device("cpu").transfers == before
    assert (first == 0.25).all()
    assert (first.shape, first.dtype) == ((3, 5), np.float64)


def test_constants_of_other_shape_dtype_or_value_are_others():
    array = np.zeros(3)
    kept = constant(array, 1)
    assert constant(array, 2)[0] == 2
    assert constant(array.astype(np.float32), 1).dtype == np.float32
    assert constant(np.zeros((3, 1)), 1).shape == (3, 1)
    assert (kept == 1).all()
