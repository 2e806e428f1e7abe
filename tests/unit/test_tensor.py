"""A Tensor: what it is made of, its operators, its gradient's shape and dtype, what it refuses."""

import numpy as np
import pytest

import mlstack_lib as ml
from mlstack_lib import ops
from mlstack_lib.autograd import op


def leaf(*shape, seed=0, dtype=np.float64):
    return ml.tensor(np.random.default_rng(seed).standard_normal(shape).astype(dtype), "cpu", True)


# ---- making one ----


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (1.5, "float32"),
        ([1.0, 2.0], "float32"),
        (3, "int32"),
        ([[1, 2], [3, 4]], "int32"),
        (True, "bool"),
        (np.float64(1), "float64"),
        (np.arange(3), np.arange(3).dtype.name),
        (np.ones(2, np.uint16), "uint16"),
        (np.ones(2, "bfloat16"), "bfloat16"),
        (np.ones(2), "float64"),
    ],
)
def test_an_array_keeps_its_dtype_and_python_numbers_become_f32_or_i32(values, dtype):
    t = ml.tensor(values)
    assert t.dtype.name == dtype
    assert t.shape == np.asarray(values).shape
    assert (t.requires_grad, t.node, t.grad) == (False, None, None)


def test_on_cpu_a_tensor_is_the_very_array():
    array = np.ones((2, 3))
    assert ml.tensor(array).numpy() is array


@pytest.mark.parametrize("values", ["text", [None], object(), [1j], ml.tensor(1.0)])
def test_what_is_not_numbers_is_refused(values):
    with pytest.raises(TypeError, match="tensor: expected numbers, got"):
        ml.tensor(values)


@pytest.mark.parametrize("values", [3, [True], np.ones(2, np.uint16), np.arange(3)])
def test_whole_numbers_take_no_gradient(values):
    with pytest.raises(TypeError, match="a gradient needs floating numbers, these are"):
        ml.tensor(values, requires_grad=True)


def test_bf16_takes_a_gradient():
    assert ml.tensor(np.ones(2, "bfloat16"), requires_grad=True).requires_grad


def test_to_the_same_device_is_the_tensor_itself():
    t = leaf(3)
    assert t.to("cpu") is t
    assert t.device is ml.device("cpu")


def test_item_is_a_python_number_and_needs_a_single_element():
    assert type(ml.tensor(2.5).item()) is float
    assert type(ml.tensor([[3]]).item()) is int
    with pytest.raises(ValueError, match="size"):
        ml.tensor([1.0, 2.0]).item()


def test_the_text_of_a_tensor_names_shape_dtype_device_and_what_made_it():
    x = leaf(2)
    assert "(2,) float64 on cpu, requires_grad)" in repr(x)
    assert "(2,) float64 on cpu, from exp)" in repr(ops.exp(x))
    assert repr(ml.tensor([1.0])) == "Tensor([1.], (1,) float32 on cpu)"


# ---- operators ----

OPERATORS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}


@pytest.mark.parametrize("number", [2, 0.5, np.float32(0.5), np.float64(0.5), np.int64(3), True])
@pytest.mark.parametrize("symbol", OPERATORS)
def test_a_number_on_either_side_keeps_the_dtype_and_the_meaning(symbol, number):
    f, x = OPERATORS[symbol], np.array([1.0, 2.0, 4.0], np.float32)
    for mine, want in (
        (f(ml.tensor(x), number), f(x.astype(np.float64), float(number))),
        (f(number, ml.tensor(x)), f(float(number), x.astype(np.float64))),
    ):
        assert mine.dtype == np.float32
        assert np.array_equal(mine.numpy(), want.astype(np.float32))


@pytest.mark.parametrize("symbol", OPERATORS)
def test_an_array_on_either_side_is_taken_as_a_tensor(symbol):
    f, x, array = OPERATORS[symbol], np.array([1.0, 2.0]), np.array([4.0, 5.0])
    assert np.array_equal(f(array, ml.tensor(x)).numpy(), f(array, x))
    assert np.array_equal(f(ml.tensor(x), array).numpy(), f(x, array))


@pytest.mark.parametrize("dtype", [np.int32, np.uint16, bool])
@pytest.mark.parametrize("number", [2, 0.5])
@pytest.mark.parametrize("symbol", ["+", "*", "/"])
def test_whole_numbers_and_a_number_give_what_numpy_gives(symbol, number, dtype):
    array = np.array([0, 1, 1]).astype(dtype)
    result = OPERATORS[symbol](ml.tensor(array), number).numpy()
    want = OPERATORS[symbol](array, number)
    assert result.dtype == want.dtype
    assert np.array_equal(result, want)


@pytest.mark.parametrize("symbol", OPERATORS)
def test_two_dtypes_of_one_shape_give_the_wider_one_whatever_their_order(symbol):
    f, a, b = OPERATORS[symbol], np.ones(3, np.float32), np.full(3, 2.0)
    assert f(ml.tensor(a), ml.tensor(b)).dtype == f(ml.tensor(b), ml.tensor(a)).dtype == b.dtype
    whole = ml.tensor(np.array([1, 2, 3], np.int32))
    assert np.array_equal(f(whole, ml.tensor(b)).numpy(), f(whole.numpy(), b))


def test_the_other_operators_are_the_ops():
    a, b = leaf(2, 3), leaf(3, 2, seed=1)
    x, y = a.numpy(), b.numpy()
    pairs = [
        (-a, -x), (a**2, x**2), (a @ b, x @ y), (x @ b, x @ y), (a.T, x.T), (a[0, 1:], x[0, 1:]),
        (a.sum(0), x.sum(0)), (a.mean(1, keepdims=True), x.mean(1, keepdims=True)),
        (a.max(axis=1), x.max(1)), (a.reshape(3, 2), x.reshape(3, 2)),
        (a.transpose(1, 0), x.T), (a.exp().log(), np.log(np.exp(x))), (a.tanh(), np.tanh(x)),
        ((a * a).sqrt(), np.sqrt(x * x)), (a.relu(), np.maximum(x, 0)),
    ]  # fmt: skip
    for got, want in pairs:
        assert got.requires_grad
        assert np.array_equal(got.numpy(), want)


# ---- how an op takes its arguments ----


def gradient(f, *leaves):
    f(*leaves).sum().backward()
    return [x.grad.numpy() for x in leaves]


def test_a_tensor_may_be_given_by_keyword_to_any_op():
    def by_place(x, w, b):
        return ops.linear(x, w, b, "gelu")

    def by_name(x, w, b):
        return ops.linear(bias=b, weight=w, activation="gelu", x=x)

    shapes = [(2, 3), (4, 3), (4,)]
    want = gradient(by_place, *(leaf(*s, seed=i) for i, s in enumerate(shapes)))
    got = gradient(by_name, *(leaf(*s, seed=i) for i, s in enumerate(shapes)))
    assert all(np.array_equal(a, b) for a, b in zip(got, want, strict=True))


def test_a_tensor_after_an_argument_left_out_is_a_tensor_still():
    weight, idx = leaf(4, 2), ml.tensor(np.array([3, 1, 3]))
    order = ml.tensor(np.array([1, 0, 2]))
    ops.embedding(idx, weight, order=order).sum().backward()
    assert weight.grad.numpy().tolist() == [[0, 0], [1, 1], [0, 0], [2, 2]]


def test_an_op_takes_plain_arrays_too():
    assert np.array_equal(ops.exp(np.zeros(3)).numpy(), np.ones(3))
    x = leaf(2, 3)
    ops.linear(x, np.ones((4, 3)), np.zeros(4)).sum().backward()
    assert x.grad.numpy().tolist() == [[4.0] * 3] * 2


def test_a_single_gradient_needs_no_tuple_and_too_few_are_none_for_the_rest():
    @op
    def first_of(x, y, z):
        return x + y + z, lambda dy: dy

    x, y = leaf(2), leaf(2)
    first_of(x, y, leaf(2)).backward(np.ones(2))
    assert x.grad.numpy().tolist() == [1.0, 1.0]
    assert y.grad is None


# ---- what backward asks for ----


def test_backward_of_more_than_one_number_needs_a_gradient():
    with pytest.raises(ValueError, match=r"\(2, 3\) is not a single number; pass grad"):
        (leaf(2, 3) * 2.0).backward()


@pytest.mark.parametrize("shape", [(), (1,)])
def test_backward_of_a_single_number_needs_none(shape):
    x = leaf(*shape)
    (x * 3.0).backward()
    assert x.grad.numpy().reshape(()) == 3.0


def test_a_gradient_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"grad is \(3,\), the tensor is \(2, 3\)"):
        (leaf(2, 3) * 2.0).backward(np.ones(3))


def test_backward_from_what_needs_no_gradient_is_refused():
    with pytest.raises(RuntimeError, match="depends on none that requires a gradient"):
        (ml.tensor([1.0]) * 2.0).backward()


@pytest.mark.parametrize("grad", [[1, 2, 3], np.array([1, 2, 3]), np.array([1.0, 2.0, 3.0]), "t"])
def test_a_gradient_takes_the_dtype_of_the_tensor(grad):
    x = leaf(3, dtype=np.float32)
    grad = ml.tensor(np.array([1, 2, 3], np.float32)) if isinstance(grad, str) else grad
    (x * 2.0).backward(grad)
    assert x.grad.dtype == np.float32
    assert x.grad.numpy().tolist() == [2.0, 4.0, 6.0]
