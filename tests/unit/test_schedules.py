"""Learning-rate schedules begin, peak and end where they should, and fall between."""

import math

import pytest

from mlstack_lib.optim import cosine, warmup_stable_decay

BOTH = pytest.mark.parametrize("schedule", [cosine, warmup_stable_decay])
SIZES = {"peak": 0.8, "warmup": 10, "total": 100, "floor": 0.1}


def made(schedule, **changes):
    sizes = {**SIZES, **changes}
    return schedule(sizes.pop("peak"), **sizes)


@BOTH
def test_it_rises_linearly_to_the_peak(schedule):
    rate = made(schedule)
    assert [rate(step) for step in range(11)] == pytest.approx([0.08 * i for i in range(11)])


@BOTH
def test_it_never_rises_again_and_ends_at_the_floor_to_stay(schedule):
    rate = made(schedule)
    rates = [rate(step) for step in range(10, 101)]
    assert all(a >= b for a, b in zip(rates, rates[1:], strict=False))
    assert rates[-1] == pytest.approx(0.1, abs=1e-15)
    assert rate(101) == rate(100_000) == pytest.approx(0.1, abs=1e-15)


@BOTH
def test_without_warmup_the_first_update_is_near_the_peak(schedule):
    assert made(schedule, warmup=0)(1) == pytest.approx(0.8, rel=1e-3)


@BOTH
@pytest.mark.parametrize(("warmup", "total"), [(0, 1), (1, 1), (10, 10), (20, 10)])
def test_a_run_shorter_than_its_warmup_has_finite_rates(schedule, warmup, total):
    rate = made(schedule, warmup=warmup, total=total)
    rates = [rate(step) for step in range(1, total + 1)]
    assert all(0 <= r <= 0.8 and math.isfinite(r) for r in rates)


@BOTH
def test_a_floor_of_the_peak_is_constant_after_the_warmup(schedule):
    rate = made(schedule, floor=0.8)
    assert {rate(step) for step in range(10, 120)} == {0.8}


def test_cosine_is_half_way_down_in_the_middle_and_flat_at_both_ends():
    rate = made(cosine)
    assert rate(55) == pytest.approx((0.8 + 0.1) / 2)
    assert rate(32.5) == pytest.approx(0.1 + 0.7 * (1 + math.sqrt(0.5)) / 2)
    assert (0.8 - rate(11)) < (rate(54) - rate(55)) / 20
    assert (rate(99) - 0.1) < (rate(54) - rate(55)) / 20


def test_wsd_is_constant_until_its_last_fifth_and_then_linear():
    rate = made(warmup_stable_decay)
    assert {rate(step) for step in range(10, 81)} == {0.8}
    assert [rate(step) for step in (85, 90, 95)] == pytest.approx([0.625, 0.45, 0.275])
    assert made(warmup_stable_decay, decay=0.5)(75) == pytest.approx(0.45)
