"""Wrong solutions of chapter 03."""

import numpy as np
from zoo import mutant

from mlstack_lib.course.exercises.chapter_03 import random_words

# ---- 3.1 linear gradients ----


@mutant("3.1 linear gradients", "dweight has the shape (3, 2), want (2, 3)")
def stores_the_weight_in_out(dy, x):
    return x.T @ dy, dy.sum(axis=0)


@mutant("3.1 linear gradients", "dbias has the shape (5,), want (2,)")
def sums_the_bias_over_the_outputs(dy, x):
    return dy.T @ x, dy.sum(axis=1)


@mutant("3.1 linear gradients", "dbias has the shape (1, 2), want (2,)")
def keeps_the_axis_of_the_rows(dy, x):
    return dy.T @ x, dy.sum(axis=0, keepdims=True)


@mutant("3.1 linear gradients", "dbias[0] is")
def takes_the_mean_over_the_rows(dy, x):
    return dy.T @ x, dy.mean(axis=0)


@mutant("3.1 linear gradients", "ValueError: matmul")
def forgets_to_transpose(dy, x):
    return dy @ x, dy.sum(axis=0)


@mutant("3.1 linear gradients", "it must return two arrays, dweight and dbias")
def forgets_the_bias(dy, x):
    return dy.T @ x


@mutant("3.1 linear gradients", "dweight[0, 0] is")
def divides_by_the_rows(dy, x):
    return dy.T @ x / len(x), dy.sum(axis=0) / len(x)


@mutant("3.1 linear gradients", "dweight has the dtype float64, want float32")
def makes_arrays_of_f64(dy, x):
    dweight = np.zeros((dy.shape[1], x.shape[1]))
    dweight += dy.T @ x
    return dweight, dy.sum(axis=0)


# ---- 3.2 gelu ----


@mutant("3.2 gelu", "y[1] is 1.682, want 0.8412")
def forgets_the_half(x):
    return x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


@mutant("3.2 gelu", "y[1] is 0.3412, want 0.8412")
def forgets_to_lift_tanh(x):
    return 0.5 * x * np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))


@mutant("3.2 gelu", "y[1] is 0.9947, want 0.8412")
def takes_the_root_of_two_pi(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 * np.pi) * (x + 0.044715 * x**3)))


@mutant("3.2 gelu", "y[1] is 0.8458, want 0.8412")
def approximates_by_a_sigmoid(x):
    return x / (1 + np.exp(-1.702 * x))


@mutant("3.2 gelu", "y[0, 0] is 0.1517, want 0.1507")
def forgets_the_cube(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x)))


@mutant("3.2 gelu", "y[1] is 1, want 0.8412")
def writes_relu(x):
    return np.maximum(x, 0)


@mutant("3.2 gelu", "y has the dtype float64, want float32")
def converts_to_f64(x):
    x = x.astype(np.float64)
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


# ---- 3.3 initial weight ----


@mutant("3.3 initial weight", "the deviation of weight is 0.02, want about 0.141")
def takes_the_variance_for_the_deviation(rng, outputs, inputs):
    return (rng.standard_normal((outputs, inputs)) / inputs).astype(np.float32)


@mutant("3.3 initial weight", "the deviation of weight is 0.0577, want about 0.141")
def counts_the_outputs(rng, outputs, inputs):
    return (rng.standard_normal((outputs, inputs)) / np.sqrt(outputs)).astype(np.float32)


@mutant("3.3 initial weight", "weight has the shape (50, 300), want (300, 50)")
def stores_in_out(rng, outputs, inputs):
    return (rng.standard_normal((inputs, outputs)) / np.sqrt(inputs)).astype(np.float32)


@mutant("3.3 initial weight", "weight has the dtype float64, want float32")
def leaves_f64(rng, outputs, inputs):
    return rng.standard_normal((outputs, inputs)) / np.sqrt(inputs)


@mutant("3.3 initial weight", "the same rng gives other numbers")
def makes_a_generator_of_its_own(rng, outputs, inputs):
    rng = np.random.default_rng()
    return (rng.standard_normal((outputs, inputs)) / np.sqrt(inputs)).astype(np.float32)


@mutant("3.3 initial weight", "another rng gives the same numbers")
def seeds_a_generator_of_its_own(rng, outputs, inputs):
    rng = np.random.default_rng(0)
    return (rng.standard_normal((outputs, inputs)) / np.sqrt(inputs)).astype(np.float32)


@mutant("3.3 initial weight", "no number is farther from 0 than")
def draws_uniform_numbers(rng, outputs, inputs):
    limit = np.sqrt(3 / inputs)
    return rng.uniform(-limit, limit, (outputs, inputs)).astype(np.float32)


# ---- 3.4 softmax ----


@mutant("3.4 softmax", "y[0, 0] is nan, want 0.7311")
def forgets_the_maximum(x):
    return np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)


@mutant("3.4 softmax", "y[0, 0] is")
def sums_over_everything(x):
    e = np.exp(x - x.max())
    return e / e.sum()


@mutant("3.4 softmax", "ValueError: operands could not be broadcast together")
def forgets_keepdims(x):
    return np.exp(x - x.max(axis=-1)) / np.exp(x - x.max(axis=-1)).sum(axis=-1)


@mutant("3.4 softmax", "y[1, 0] is nan, want 0.2689")
def takes_off_one_maximum_for_all_rows(x):
    e = np.exp(x - x.max())
    return e / e.sum(axis=-1, keepdims=True)


@mutant("3.4 softmax", "Case: x (2, 3, 4) f64")
def sums_along_axis_1(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@mutant("3.4 softmax", "it changed `x`: work on a copy")
def works_in_place(x):
    x -= x.max(axis=-1, keepdims=True)
    np.exp(x, out=x)
    x /= x.sum(axis=-1, keepdims=True)
    return x


@mutant("3.4 softmax", "Case: x = [[-1000, -999]]")
def takes_off_the_largest_size(x):
    e = np.exp(x - np.abs(x).max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


@mutant("3.4 softmax", "Case: x = [[1000, -1000]]. Look: which number is to be taken off?")
def takes_off_the_mean(x):
    e = np.exp(x - x.mean(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


@mutant("3.4 softmax", "y[0, 0] is 0, want 0.7311")
def replaces_nan_by_zero(x):
    return np.nan_to_num(np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True))


# ---- 3.5 cross-entropy ----


def _softmax(logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def _right(logits, targets):
    rows, p = np.arange(len(targets)), _softmax(logits)
    z = logits - logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(z).sum(axis=1)) - z[rows, targets]
    p[rows, targets] -= 1
    return losses, p


@mutant("3.5 cross-entropy", "loss is inf, want 1000")
def takes_the_logarithm_of_softmax(logits, targets):
    losses = -np.log(_softmax(logits)[np.arange(len(targets)), targets])
    return losses.mean(), _right(logits, targets)[1] / len(targets)


@mutant("3.5 cross-entropy", "loss is inf, want 1000")
def takes_no_maximum_off(logits, targets):
    losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(targets)), targets]
    return losses.mean(), _right(logits, targets)[1] / len(targets)


@mutant("3.5 cross-entropy", "Look: lse(z) - z[target] with the largest score taken off")
def adds_a_small_number_to_softmax(logits, targets):
    p = _softmax(logits)[np.arange(len(targets)), targets]
    return -np.log(p + 1e-8).mean(), _right(logits, targets)[1] / len(targets)


@mutant("3.5 cross-entropy", "Look: the loss is right; its gradient is p - y, over the number")
def forgets_the_mean_in_the_gradient(logits, targets):
    losses, dlogits = _right(logits, targets)
    return losses.mean(), dlogits


@mutant("3.5 cross-entropy", "Case: logits (4, 3)")
def sums_over_the_rows(logits, targets):
    losses, dlogits = _right(logits, targets)
    return losses.sum(), dlogits


@mutant("3.5 cross-entropy", "dlogits[0, 0] is")
def has_the_sign_of_the_gradient_wrong(logits, targets):
    losses, dlogits = _right(logits, targets)
    return losses.mean(), -dlogits / len(targets)


@mutant("3.5 cross-entropy", "dlogits[0, 2] is")
def returns_softmax_as_the_gradient(logits, targets):
    return _right(logits, targets)[0].mean(), _softmax(logits) / len(targets)


@mutant("3.5 cross-entropy", "Case: logits (4, 3)")
def takes_the_targets_columns_of_every_row(logits, targets):
    dlogits = _softmax(logits)
    dlogits[:, targets] -= 1
    return _right(logits, targets)[0].mean(), dlogits / len(targets)


@mutant("3.5 cross-entropy", "loss is")
def takes_off_the_maximum_in_one_term_only(logits, targets):
    rows = np.arange(len(targets))
    z = logits - logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(z).sum(axis=1)) - logits[rows, targets]
    return losses.mean(), _right(logits, targets)[1] / len(targets)


@mutant("3.5 cross-entropy", "it must return two things, the loss and dlogits")
def returns_the_loss_alone(logits, targets):
    return _right(logits, targets)[0].mean()


@mutant("3.5 cross-entropy", "loss is an array (1,), want a number")
def returns_the_loss_of_every_row(logits, targets):
    losses, dlogits = _right(logits, targets)
    return losses, dlogits / len(targets)


# ---- 3.6 dropout ----


@mutant("3.6 dropout", "y[0, 3] is 1, want 2")
def forgets_to_divide(x, step, seed, layer, rate):
    words = random_words(x.size, step, seed, layer).reshape(x.shape)
    return x * (words >= rate * 2**32)


@mutant("3.6 dropout", "y[0, 0] is 2, want 0")
def keeps_what_should_go(x, step, seed, layer, rate):
    words = random_words(x.size, step, seed, layer).reshape(x.shape)
    return x * (words < rate * 2**32) / np.asarray(1 - rate, x.dtype)


@mutant("3.6 dropout", "Case: x (3, 7) float32, step 0, seed 5, layer 1, rate 0.25")
def divides_by_the_rate(x, step, seed, layer, rate):
    words = random_words(x.size, step, seed, layer).reshape(x.shape)
    return x * (words >= rate * 2**32) / np.asarray(rate, x.dtype)


@mutant("3.6 dropout", "ValueError: operands could not be broadcast together")
def forgets_the_shape(x, step, seed, layer, rate):
    words = random_words(x.size, step, seed, layer)
    return x * (words >= rate * 2**32) / np.asarray(1 - rate, x.dtype)


@mutant("3.6 dropout", "y[0,")
def draws_another_mask(x, step, seed, layer, rate):
    keep = np.random.default_rng(seed).random(x.shape) >= rate
    return x * keep / np.asarray(1 - rate, x.dtype)


@mutant("3.6 dropout", "Look: keep where the word is not below rate * 2**32")
def numbers_column_by_column(x, step, seed, layer, rate):
    words = random_words(x.size, step, seed, layer).reshape(x.shape, order="F")
    return x * (words >= rate * 2**32) / np.asarray(1 - rate, x.dtype)


@mutant("3.6 dropout", "it changed `x`: work on a copy")
def drops_in_place(x, step, seed, layer, rate):
    words = random_words(x.size, step, seed, layer).reshape(x.shape)
    x[words < rate * 2**32] = 0
    return x / np.asarray(1 - rate, x.dtype)


@mutant("3.6 dropout", "y has the dtype float64, want float32")
def makes_a_mask_of_f64(x, step, seed, layer, rate):
    words = random_words(x.size, step, seed, layer).reshape(x.shape)
    return x * np.where(words < rate * 2**32, 0.0, 1 / (1 - rate))


@mutant("3.6 dropout", "Case: x (3, 7) float32")
def swaps_the_keys(x, step, seed, layer, rate):
    words = random_words(x.size, step, layer, seed).reshape(x.shape)
    return x * (words >= rate * 2**32) / np.asarray(1 - rate, x.dtype)
