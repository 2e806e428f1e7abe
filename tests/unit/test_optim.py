"""The optimizers do to flat buffers what the papers do to each tensor."""

import numpy as np
import pytest
from updates import SHAPES, give, random_gradients, tensors_of

import mlstack_lib as ml
from mlstack_lib.array import Slot
from mlstack_lib.optim import SGD, AdamW


def clipped(gradients, max_norm):
    norm = np.sqrt(sum((g * g).sum() for g in gradients))
    return norm, [g * min(1, max_norm / (norm + 1e-6)) for g in gradients]


class PlainAdamW:
    """AdamW a tensor at a time, as in the paper (Loshchilov, Hutter 2019, algorithm 2)."""

    def __init__(self, values, lr, betas, eps, weight_decay):
        self.values, self.lr, self.betas = [v.copy() for v in values], lr, betas
        self.eps, self.decay, self.t = eps, weight_decay, 0
        self.m, self.v = [0.0 * v for v in values], [0.0 * v for v in values]

    def step(self, gradients):
        """One update."""
        self.t += 1
        (b1, b2), lr = self.betas, self.lr
        for i, g in enumerate(gradients):
            self.m[i] = b1 * self.m[i] + (1 - b1) * g
            self.v[i] = b2 * self.v[i] + (1 - b2) * g * g
            m, v = self.m[i] / (1 - b1**self.t), self.v[i] / (1 - b2**self.t)
            decay = lr * self.decay * self.values[i] if self.values[i].ndim >= 2 else 0
            self.values[i] = self.values[i] - lr * m / (np.sqrt(v) + self.eps) - decay


# The state holds the learning rate, the corrections and the clip coefficient in f32: each is off
# by half an ulp at most, 2**-24 of itself, so a change of `lr` an update by a few times that.
F32_STATE = 4 * 2.0**-24


@pytest.mark.parametrize("max_norm", [None, 1.0, 1e6])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_adamw_is_the_plain_one_over_10_steps(weight_decay, max_norm):
    tensors = tensors_of()
    options = {"lr": 1e-2, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": weight_decay}
    plain = PlainAdamW([t.numpy() for t in tensors], **options)
    optimizer = AdamW(tensors, **options, max_norm=max_norm)
    for step in range(1, 11):
        gradients = random_gradients(step)
        optimizer.zero_grad()
        give(tensors, gradients)
        optimizer.step()
        plain.step(gradients if max_norm is None else clipped(gradients, max_norm)[1])
        for t, want in zip(tensors, plain.values, strict=True):
            assert np.abs(t.numpy() - want).max() < step * 1e-2 * F32_STATE


def test_the_first_step_of_adamw_moves_every_element_by_the_learning_rate():
    tensors = tensors_of()
    before = [t.numpy().copy() for t in tensors]
    optimizer = AdamW(tensors, lr=0.5, weight_decay=0.0, eps=1e-30)
    gradients = random_gradients(1)
    give(tensors, gradients)
    optimizer.step()
    for t, old, g in zip(tensors, before, gradients, strict=True):
        assert np.allclose(t.numpy(), old - 0.5 * np.sign(g), rtol=0, atol=0.5 * F32_STATE)


def test_an_update_before_any_step_was_counted_is_the_first_step():
    moved = []
    for update in (AdamW.update, AdamW.step):
        tensors = tensors_of()
        optimizer = AdamW(tensors, lr=0.5)
        give(tensors, random_gradients(1))
        update(optimizer)
        moved.append([t.numpy().tobytes() for t in tensors])
    assert moved[0] == moved[1]


def test_only_matrices_decay():
    tensors = tensors_of()
    before = [t.numpy().copy() for t in tensors]
    optimizer = AdamW(tensors, lr=0.5, weight_decay=0.25)
    give(tensors, [np.zeros(s) for s in SHAPES])
    optimizer.step()
    for t, old in zip(tensors, before, strict=True):
        share = 1 - 0.5 * 0.25 if t.ndim >= 2 else 1
        assert np.array_equal(t.numpy(), old * share)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_sgd_is_the_plain_one_over_10_steps(momentum, weight_decay):
    tensors = tensors_of()
    values, moments = [t.numpy().copy() for t in tensors], [0.0] * len(tensors)
    optimizer = SGD(tensors, lr=0.1, momentum=momentum, weight_decay=weight_decay)
    for step in range(1, 11):
        gradients = random_gradients(step)
        optimizer.zero_grad()
        give(tensors, gradients)
        optimizer.step()
        for i, g in enumerate(gradients):
            decay = weight_decay * values[i] if values[i].ndim >= 2 else 0
            moments[i] = momentum * moments[i] + g + decay
            values[i] = values[i] - 0.1 * moments[i]
            error = np.abs(tensors[i].numpy() - values[i]).max()
            assert error < step * 0.1 * np.abs(moments[i]).max() * F32_STATE + 1e-7


# ---- clipping ----


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_the_gradient_is_scaled_down_to_the_norm_allowed_never_up(size):
    tensors = tensors_of()
    optimizer = SGD(tensors, lr=1.0, max_norm=1.0)
    before, gradients = [t.numpy().copy() for t in tensors], random_gradients(1, size=size)
    give(tensors, gradients)
    optimizer.step()
    norm, scaled = clipped(gradients, 1.0)
    moved = np.sqrt(
        sum(((t.numpy() - old) ** 2).sum() for t, old in zip(tensors, before, strict=True))
    )
    assert moved <= 1 + 1e-6
    assert optimizer.device.state[Slot.GRAD_NORM] == pytest.approx(norm, rel=1e-6)
    for t, old, g in zip(tensors, before, scaled, strict=True):
        assert np.allclose(old - t.numpy(), g, rtol=1e-6, atol=1e-12)


def test_without_a_limit_the_norm_is_still_measured():
    tensors = tensors_of([(3,)])
    optimizer = SGD(tensors, lr=1.0)
    give(tensors, [np.array([3.0, 4.0, 12.0])])
    optimizer.step()
    state = optimizer.device.state
    assert (state[Slot.GRAD_NORM], state[Slot.CLIP]) == (13, 1)


# ---- gradients that are missing or not finite ----


@pytest.mark.parametrize("kind", [AdamW, SGD])
def test_a_parameter_without_a_part_in_the_loss_counts_as_gradient_zero(kind):
    runs = []
    for missing in (False, True):
        tensors = tensors_of([(3, 4), (5,)])
        optimizer = kind(tensors, lr=0.1, weight_decay=0.1, max_norm=0.5)
        for step in range(3):
            gradients = random_gradients(step, [(3, 4), (5,)])
            if step:  # its place still holds the gradient of the first step
                gradients[0] = None if missing else np.zeros((3, 4))
            optimizer.zero_grad()
            give(tensors, gradients)
            optimizer.step()
        runs.append([t.numpy().tobytes() for t in tensors] + [optimizer.device.state.tobytes()])
    assert runs[0] == runs[1]


@pytest.mark.parametrize("kind", [AdamW, SGD])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_gradient_that_is_not_finite_halts_and_everything_stays_as_it_was(kind, bad):
    tensors = tensors_of()
    optimizer = kind(tensors, lr=0.1, weight_decay=0.1, max_norm=1.0)
    give(tensors, random_gradients(1))
    optimizer.step()
    frozen = [optimizer.params, *optimizer.moments]
    before = [x.copy() for x in frozen]
    gradients = random_gradients(2)
    gradients[3][7] = bad
    with np.errstate(invalid="ignore", over="ignore"):
        for bad_first in (gradients, random_gradients(3)):  # a sound one after it changes nothing
            optimizer.zero_grad()
            give(tensors, bad_first)
            optimizer.update()
            assert optimizer.device.state[Slot.HALTED] == 1
    assert all(np.array_equal(x, old) for x, old in zip(frozen, before, strict=True))


def test_a_step_by_itself_goes_on_after_one_that_was_not_finite():
    tensors = tensors_of([(3,)])
    optimizer = SGD(tensors, lr=1.0)
    for gradient in (np.array([np.nan, 0, 0]), np.ones(3)):
        optimizer.zero_grad()
        give(tensors, [gradient])
        optimizer.step()
    assert np.allclose(tensors[0].numpy(), tensors_of([(3,)])[0].numpy() - 1)


# ---- micro-batches ----


@pytest.mark.parametrize("parts", [2, 4])
def test_micro_batches_add_up_to_the_gradient_of_the_whole_batch(parts):
    config = ml.GPTConfig(vocab_size=13, context=6, n_layer=2, n_head=2, n_embd=8)
    rng = np.random.default_rng(0)
    idx, targets = rng.integers(13, size=(2, 8, 6))
    norms, gradients = [], []
    for pieces in (1, parts):
        model = ml.GPT(config, rng=np.random.default_rng(1))
        optimizer = AdamW(model, lr=1e-2, max_norm=0.1)
        for x, y in zip(np.split(idx, pieces), np.split(targets, pieces), strict=True):
            model.loss(x, y).backward(np.float32(1 / pieces))
        gradients.append(optimizer.grads.copy())
        optimizer.step()
        norms.append(float(optimizer.device.state[Slot.GRAD_NORM]))
    # two orders of the same sums: apart by a few ulps of the largest gradient
    assert np.abs(gradients[0] - gradients[1]).max() < 16 * 2.0**-23 * np.abs(gradients[0]).max()
    assert norms[0] == pytest.approx(norms[1], rel=1e-6)
