"""A batch that is divided among the cores gives what it gives whole."""

import threading

import numpy as np
import pytest
from runs import losses, trained

from mlstack_lib import parallel
from mlstack_lib.backend import override
from mlstack_lib.devices import device
from mlstack_lib.gpt import GPT, GPTConfig
from mlstack_lib.launchers import cpu_blocks, cpu_linear
from mlstack_lib.optim import AdamW
from mlstack_lib.parallel import DataParallel

SHAPE = GPTConfig(vocab_size=31, context=9, n_layer=2, n_head=2, n_embd=16)


@pytest.fixture(autouse=True)
def always_worth_it(monkeypatch):
    monkeypatch.setattr(parallel, "WORTH_DIVIDING", 0)
    monkeypatch.setattr(cpu_blocks, "CORES", 2)
    device("cpu").forget_steps()
    yield
    device("cpu").forget_steps()


def make(config=SHAPE, dtype=np.float64):
    model = GPT(config, rng=np.random.default_rng(0))
    for p in model.parameters():
        p.data = p.data.astype(dtype)
    return model, AdamW(model)


def batch(sequences, ignored=()):
    rng = np.random.default_rng(sequences)
    idx, targets = rng.integers(0, SHAPE.vocab_size, (2, sequences, SHAPE.context), np.int32)
    targets.flat[list(ignored)] = -1
    return idx, targets


def whole(idx, targets):
    model, optimizer = make()
    loss = model.loss(idx, targets)
    loss.backward()
    return loss.item(), optimizer.grads


def divided(idx, targets, **options):
    model, optimizer = make(**options)
    return DataParallel(model, optimizer).backward(idx, targets).item(), optimizer.grads


def assert_same(got, want):
    # sums of some 1,000 terms in float64, in another order: 1,000 roundings of 2**-53 each
    tolerance = 1000 * 2.0**-53
    assert abs(got[0] - want[0]) <= tolerance * abs(want[0])
    assert np.abs(got[1] - want[1]).max() <= tolerance * np.abs(want[1]).max()


@pytest.mark.parametrize("cores", [1, 2, 3, 5, 9])
@pytest.mark.parametrize("sequences", [1, 2, 5, 12])
def test_loss_and_gradient_are_those_of_the_whole_batch(sequences, cores, monkeypatch):
    monkeypatch.setattr(cpu_blocks, "CORES", cores)
    assert_same(divided(*batch(sequences)), whole(*batch(sequences)))


@pytest.mark.parametrize("ignored", [range(3), range(20), range(15, 36), range(36)])
def test_targets_that_do_not_count_may_lie_unevenly(ignored):
    both = batch(4, ignored)
    got, want = divided(*both), whole(*both)
    assert_same(got, want)
    assert (want[0] == 0) == (len(ignored) == 36)


def test_gradients_of_several_batches_add_up_each_with_its_share():
    model, optimizer = make()
    data, shares = DataParallel(model, optimizer), (0.25, 0.75)
    batches = [batch(4), batch(5)]
    for (idx, targets), share in zip(batches, shares, strict=True):
        data.backward(idx, targets, share=share)
    wants = [whole(*both)[1] for both in batches]
    assert_same((0, optimizer.grads), (0, 0.25 * wants[0] + 0.75 * wants[1]))


def test_updates_reach_every_part_and_old_gradients_are_forgotten():
    both, runs = batch(6), []
    for cores in (1, 2):
        cpu_blocks.CORES = cores  # the fixture puts it back
        model, optimizer = make()
        data, seen = DataParallel(model, optimizer), []
        for _ in range(5):
            optimizer.zero_grad()
            seen.append(data.backward(*both).item())
            optimizer.step()
        runs.append(seen)
    assert runs[0][4] < runs[0][0]
    # a gradient near 0 may differ by 1e-13 and is divided by no less than eps, 1e-8: an update, of
    # lr 1e-3, by 1e-8; the loss, through gradients below 1e-2 there, by 1e-10 in each of 4 updates
    np.testing.assert_allclose(runs[1], runs[0], rtol=1e-9)


@pytest.mark.parametrize("late", [0, 1])
def test_a_core_that_is_late_changes_no_bit(late):
    want, waited = divided(*batch(6), dtype=np.float32), []

    def slow(x, *rest):
        on_main = threading.current_thread() is threading.main_thread()
        if on_main == (late == 0):
            waited.append(threading.Event().wait(0.02))
        return cpu_linear.linear_forward(x, *rest)

    with override(linear_forward=slow):
        got = divided(*batch(6), dtype=np.float32)
    assert waited
    assert got[0] == want[0]
    assert np.array_equal(got[1], want[1])


def threads_of(config, idx, targets):
    model, optimizer = make(config)
    seen = set()

    def noting(*arguments):
        seen.add(threading.get_ident())
        return cpu_linear.linear_forward(*arguments)

    with override(linear_forward=noting):
        DataParallel(model, optimizer).backward(idx, targets)
    return len(seen)


def test_each_part_has_a_thread_and_a_small_model_or_one_with_dropout_has_one(monkeypatch):
    with_dropout = GPTConfig(**{**vars(SHAPE), "dropout": 0.1})
    assert threads_of(SHAPE, *batch(4)) == 2
    assert threads_of(with_dropout, *batch(4)) == 1
    monkeypatch.setattr(parallel, "WORTH_DIVIDING", 1 << 27)
    assert threads_of(SHAPE, *batch(4)) == 1


def test_a_part_that_fails_is_an_error_of_the_whole():
    def failing(*arguments):
        if threading.current_thread() is not threading.main_thread():
            raise ZeroDivisionError("in a part")
        return cpu_linear.linear_forward(*arguments)

    with override(linear_forward=failing), pytest.raises(ZeroDivisionError, match="in a part"):
        divided(*batch(4))


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_run_with_parts_repeats_to_the_bit_and_is_the_one_without(
    accumulate, small, tmp_path, monkeypatch
):
    recipe = small(accumulate=accumulate)
    runs = [losses(trained(recipe, tmp_path / name)) for name in "ab"]
    monkeypatch.setattr(cpu_blocks, "CORES", 1)
    runs.append(losses(trained(recipe, tmp_path / "whole")))
    assert len(runs[0]) == recipe.steps
    assert runs[0] == runs[1]
    # as above in f32: the order of a sum moves a gradient by 1e-5 of the largest at most, and where
    # it is as small as that an update may turn round; the loss feels it through that small gradient
    np.testing.assert_allclose(runs[0], runs[2], rtol=1e-4)
