"""detect_anomaly names the first op that went wrong and the line that called it."""

import numpy as np
import pytest

import mlstack_lib as ml
from mlstack_lib import ops
from mlstack_lib.nn import LayerNorm

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # that is what is made here


def leaf(*values):
    return ml.tensor(np.array(values, np.float32), requires_grad=True)


def error_of(f, *args):
    with pytest.raises(FloatingPointError) as caught, ml.detect_anomaly():
        f(*args)
    return str(caught.value)


def test_the_first_op_of_several_is_named_with_its_line():
    def forward(x):
        y = ops.log(x)  # the culprit
        z = ops.exp(y)
        return z + y

    message = error_of(forward, leaf(1, -1, 2))
    assert message.startswith("log (forward): 1 of 3 values are NaN or infinite;")
    assert "all its inputs are finite" in message
    assert "test_anomaly.py:" in message
    assert message.endswith("y = ops.log(x)  # the culprit")


def test_an_infinity_counts_and_so_does_every_bad_value():
    message = error_of(lambda x: ops.div(1.0, x), leaf(0, 0, 1))
    assert message.startswith("div (forward): 2 of 3 values")


def test_an_operator_is_named_by_the_line_that_used_it():
    def forward(x):
        return x / (x - x)  # by itself

    message = error_of(forward, leaf(1, 2))
    assert message.startswith("div (forward)")
    assert message.endswith("return x / (x - x)  # by itself")


def test_a_bad_input_is_told_from_a_bad_op_and_numbered():
    message = error_of(lambda x, y: x + y, leaf(1, 2), leaf(np.nan, 0))
    assert message.startswith("add (forward): 1 of 2 values")
    assert "its input 1 was already so" in message


def test_a_backward_error_is_named_with_the_line_of_the_forward_pass():
    def both(x):
        y = ops.sqrt(x)  # finite here, its slope is not
        z = y * 2.0
        z.sum().backward()

    message = error_of(both, leaf(0, 4))
    assert message.startswith("sqrt (backward): 1 of 2 values")
    assert "all its inputs are finite" in message
    assert message.endswith("y = ops.sqrt(x)  # finite here, its slope is not")


def test_the_backward_of_a_graph_made_before_the_block_is_checked_too():
    y = ops.sqrt(leaf(0, 4)).sum()
    message = error_of(y.backward)
    assert message.startswith("sqrt (backward)")
    assert message.endswith("a line that ran before detect_anomaly")


def test_a_bad_gradient_given_to_backward_is_told_from_a_bad_op():
    y = leaf(1, 2) * 3.0
    message = error_of(y.backward, np.array([np.inf, 1]))
    assert message.startswith("mul (backward)")
    assert "its input 0 was already so" in message


def test_the_second_output_of_an_op_is_looked_at():
    x, weight, bias = leaf(1, 2).reshape(1, 2), leaf(3e38, 3e38), leaf(3e38, 3e38)
    message = error_of(ops.residual_layernorm, x, x, weight, bias)
    assert message.startswith("residual_layernorm (forward): 1 of 2 values")
    assert "all its inputs are finite" in message


def test_an_op_inside_a_layer_is_named_by_the_layers_line():
    layer = LayerNorm(2)
    layer.weight.data[0] = np.inf
    message = error_of(layer, leaf(1, 2).reshape(1, 2))
    assert message.startswith("layernorm (forward)")
    assert "nn.py:" in message


def test_without_a_gradient_the_forward_is_checked_all_the_same():
    def forward():
        with ml.no_grad():
            return ops.log(ml.tensor([-1.0]))  # nothing recorded

    message = error_of(forward)
    assert message.startswith("log (forward)")
    assert message.endswith("return ops.log(ml.tensor([-1.0]))  # nothing recorded")


def test_a_finite_run_is_silent_and_gives_the_same():
    config = ml.GPTConfig(vocab_size=11, context=5, n_layer=1, n_head=2, n_embd=8)
    idx = np.array([[1, 2, 3, 4, 5]])
    gradients = []
    for watched in (False, True):
        model = ml.GPT(config, rng=np.random.default_rng(0))
        if watched:
            with ml.detect_anomaly():
                model.loss(idx, idx).backward()
        else:
            model.loss(idx, idx).backward()
        gradients.append([p.grad.numpy() for p in model.parameters()])
    assert all(np.array_equal(a, b) for a, b in zip(*gradients, strict=True))


def test_whole_numbers_are_not_looked_at_for_nan():
    with ml.detect_anomaly():
        ops.embedding(np.array([0, 1]), leaf(1, 2).reshape(2, 1))


def test_outside_the_block_and_after_an_error_nothing_is_checked():
    error_of(ops.log, leaf(-1))
    assert np.isnan(ops.log(leaf(-1)).item())
    assert ops.log(leaf(1)).node.where == ""


def test_blocks_nest():
    with ml.detect_anomaly():
        with ml.detect_anomaly():
            pass
        with pytest.raises(FloatingPointError):
            ops.log(leaf(-1))
