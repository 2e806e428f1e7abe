"""An optimizer's flat buffers: where each tensor lies, what the gaps hold, what is saved."""

import numpy as np
import pytest
from updates import give, random_gradients, tensors_of

import mlstack_lib as ml
from mlstack_lib import ops
from mlstack_lib.backend import backend
from mlstack_lib.optim import ALIGNMENT, SGD, AdamW

# ---- the flat buffers ----


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_tensor_begins_at_a_multiple_of_256_bytes_matrices_first(dtype):
    tensors = tensors_of(dtype=dtype)
    values = [t.numpy().copy() for t in tensors]
    optimizer = AdamW(tensors)
    itemsize = np.dtype(dtype).itemsize
    assert ALIGNMENT == 256
    assert [start * itemsize % 256 for start in optimizer.starts] == [0] * 8
    assert [t.ndim >= 2 for t in optimizer.tensors] == [True] * 3 + [False] * 4
    assert optimizer.n_decay == optimizer.starts[3]
    assert {t.shape for t in optimizer.tensors[:3]} == {(3, 4), (2, 3, 4), (65, 1)}
    for t, old in zip(tensors, values, strict=True):
        assert np.array_equal(t.numpy(), old)
        assert np.shares_memory(t.numpy(), optimizer.params)
        assert t.grad is None


def test_the_gaps_stay_zero_and_tensors_do_not_overlap():
    tensors = tensors_of(dtype=np.float32)
    optimizer = AdamW(tensors, lr=0.1, max_norm=1.0)
    for step in range(3):
        optimizer.zero_grad()
        give(tensors, [g.astype(np.float32) for g in random_gradients(step)])
        optimizer.step()
    used = np.zeros(optimizer.params.size, int)
    for t, start in zip(optimizer.tensors, optimizer.starts, strict=False):
        used[start : start + t.numpy().size] += 1
        assert np.shares_memory(t.numpy(), optimizer.params[start : start + 1])
        assert np.shares_memory(t.grad_view, optimizer.grads[start : start + 1])
    assert used.max() == 1
    assert used.sum() == sum(t.numpy().size for t in tensors)
    for flat in (optimizer.params, optimizer.grads, *optimizer.moments):
        assert not flat[used == 0].any()
        assert flat[used == 1].any()


def test_gradients_from_before_the_optimizer_are_forgotten():
    tensors = tensors_of()
    give(tensors, random_gradients(1))
    optimizer = AdamW(tensors)
    assert all(t.grad is None for t in tensors)
    assert not optimizer.grads.any()
    give(tensors, random_gradients(2))
    for t, want in zip(tensors, random_gradients(2), strict=True):
        assert np.array_equal(t.grad.numpy(), want)


def test_every_step_by_itself_has_dropout_of_its_own():
    x = ml.tensor(np.ones(256))
    optimizer, masks = SGD(tensors_of([(3,)])), []
    for _ in range(3):
        masks.append(ops.dropout(x, 0.5).numpy().tobytes())
        optimizer.step()
    assert len(set(masks)) == 3


def test_moments_are_saved_and_restored_to_the_bit():
    runs = []
    for interrupted in (False, True):
        tensors = tensors_of()
        optimizer = AdamW(tensors, lr=0.1)
        for step in range(6):
            if interrupted and step == 3:
                saved = {name: value.copy() for name, value in optimizer.moment_dict().items()}
                steps = optimizer.steps
                tensors = [ml.tensor(t.numpy().copy(), requires_grad=True) for t in tensors]
                optimizer = AdamW(tensors, lr=0.1)
                optimizer.load_moment_dict(saved)
                optimizer.steps = steps
            optimizer.zero_grad()
            give(tensors, random_gradients(step))
            optimizer.step()
        runs.append([t.numpy().tobytes() for t in tensors])
    assert runs[0] == runs[1]


def test_an_optimizer_of_nothing_is_refused():
    with pytest.raises(ValueError, match="there are no parameters to train"):
        AdamW([])


def test_a_module_and_its_list_of_parameters_are_the_same_to_an_optimizer():
    config = ml.GPTConfig(vocab_size=7, context=3, n_layer=1, n_head=1, n_embd=4)
    model = ml.GPT(config, rng=np.random.default_rng(0))
    want = [id(t) for t in SGD(model.parameters()).tensors]
    assert [id(t) for t in SGD(model).tensors] == want


# ---- the step's numbers ----


def test_the_schedules_rows_are_step_rate_and_bias_corrections():
    optimizer = AdamW(tensors_of([(3,)]), betas=(0.5, 0.75))
    rows = optimizer.schedule(3, [0.1, 0.2])
    assert rows.dtype == np.float32
    want = [[3, 0.1, 1 - 0.5**3, 1 - 0.75**3], [4, 0.2, 1 - 0.5**4, 1 - 0.75**4]]
    assert np.array_equal(rows, np.array(want, np.float32))
    assert SGD(tensors_of([(3,)])).schedule(1, []).shape == (0, 4)


def test_recorded_updates_by_a_schedule_are_the_steps_made_one_by_one():
    rates, runs = [0.3, 0.2, 0.1], []
    for recorded in (False, True):
        tensors = tensors_of()
        optimizer = AdamW(tensors, max_norm=1.0)
        schedule, state = optimizer.schedule(1, rates), optimizer.device.state
        for step, rate in enumerate(rates):
            optimizer.zero_grad()
            give(tensors, random_gradients(step))
            if recorded:
                backend(schedule).advance(state, schedule)
                optimizer.update()
            else:
                optimizer.lr = rate
                optimizer.step()
        runs.append([t.numpy().tobytes() for t in tensors])
    assert runs[0] == runs[1]
