"""The shares and blocks of an operation on `cpu` cover it once, on any number of cores."""

import threading

import numpy as np
import pytest

from mlstack_lib.launchers import cpu_blocks
from mlstack_lib.launchers.cpu_blocks import BLOCK, block_height, blocks, in_blocks, in_shares


@pytest.fixture(params=[1, 2, 3, 5])
def cores(request, monkeypatch):
    monkeypatch.setattr(cpu_blocks, "CORES", request.param)
    monkeypatch.setattr(cpu_blocks, "WORTH_SHARING", 0)
    return request.param


@pytest.mark.parametrize("count", [0, 1, 2, 4, 7, 64])
def test_shares_cover_everything_once_with_at_most_one_a_core(cores, count):
    seen, spans = np.zeros(count, int), []

    def work(start, stop):
        seen[start:stop] += 1
        spans.append((start, stop))

    in_shares(count, 10, work)
    assert (seen == 1).all()
    assert len(spans) <= cores


@pytest.mark.parametrize("row_size", [0, 1, 31, 1000, BLOCK - 1, BLOCK, BLOCK + 1])
@pytest.mark.parametrize("rows", [0, 1, 2, 33, 300])
def test_blocks_cover_all_rows_once_and_are_the_same_on_any_number_of_cores(cores, rows, row_size):
    seen = []
    in_blocks(rows, row_size, lambda i, start, stop: seen.append((i, start, stop)))
    height = block_height(rows, row_size)
    starts = range(0, rows, height)
    assert sorted(seen) == [(i, a, min(a + height, rows)) for i, a in enumerate(starts)]


def test_a_block_is_never_larger_than_it_should_be_unless_one_row_is():
    for row_size in (1, 2, 31, 1000, BLOCK - 1, BLOCK):
        for rows in (1, 7, 1000, 10**6):
            height = block_height(rows, row_size)
            assert row_size <= height * row_size < BLOCK + row_size
    assert block_height(10, BLOCK + 1) == 1


def test_blocks_that_are_shared_are_of_an_even_number():
    for rows in (1000, 12_345, 10**6):
        assert -(-rows // block_height(rows, 128)) % 2 == 0


def test_the_blocks_of_a_share_cover_it_once():
    spans = [(s.start, s.stop) for s in blocks(5, 1000, 1000)]
    assert spans[0][0] == 5
    assert spans[-1][1] == 1000
    assert all(a[1] == b[0] for a, b in zip(spans, spans[1:], strict=False))


def test_little_work_wakes_no_other_thread():
    threads = []
    in_shares(100, cpu_blocks.WORTH_SHARING, lambda *_: threads.append(threading.get_ident()))
    assert threads == [threading.get_ident()]


@pytest.mark.parametrize("failing", [0, 1])
def test_an_error_in_any_share_is_raised_once_all_have_ended(failing, monkeypatch):
    monkeypatch.setattr(cpu_blocks, "CORES", 2)
    ended = threading.Event()

    def work(start, stop):
        if (start > 0) == failing:
            raise ZeroDivisionError(f"share from {start}")
        threading.Event().wait(0.05)
        ended.set()

    with pytest.raises(ZeroDivisionError, match="share from"):
        in_shares(2, 10**9, work)
    assert ended.is_set()


@pytest.fixture
def blas_on_two_threads():
    before = [library.num_threads for library in cpu_blocks._blas()]
    for library in cpu_blocks._blas():
        library.set_num_threads(2)
    yield [library.num_threads for library in cpu_blocks._blas()]
    for library, threads in zip(cpu_blocks._blas(), before, strict=True):
        library.set_num_threads(threads)


def test_blas_has_one_thread_in_a_share_and_gets_its_own_back_even_after_an_error(
    blas_on_two_threads, monkeypatch
):
    monkeypatch.setattr(cpu_blocks, "CORES", 2)
    during = []

    def work(start, _):
        during.extend(library.num_threads for library in cpu_blocks._blas())
        if start:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        in_shares(2, 10**9, work)
    assert during == [1] * 2 * len(blas_on_two_threads)
    assert [library.num_threads for library in cpu_blocks._blas()] == blas_on_two_threads


def test_scratch_gives_a_thread_its_own_buffer_again_and_others_another():
    mine = cpu_blocks.scratch("test", (2, 3), np.float32)
    again = cpu_blocks.scratch("test", (3,), np.float32)
    assert (again.shape, again.dtype) == ((3,), np.float32)
    assert np.shares_memory(mine, again)
    assert not np.shares_memory(mine, cpu_blocks.scratch("test 2", (2, 3), np.float32))
    others = []
    thread = threading.Thread(
        target=lambda: others.append(cpu_blocks.scratch("test", (2, 3), np.float32))
    )
    thread.start()
    thread.join()
    assert not np.shares_memory(mine, others[0])
    assert cpu_blocks.scratch("test", (2, 3), np.float64).dtype == np.float64


@pytest.mark.parametrize(("all_cores", "shares", "inside"), [(2, 2, 1), (4, 2, 2), (5, 2, 3)])
def test_a_share_has_cores_of_its_own_and_shares_its_work_among_those_alone(
    all_cores, shares, inside, monkeypatch
):
    monkeypatch.setattr(cpu_blocks, "CORES", all_cores)
    threads = {}

    def outer(start, _):
        seen = threads.setdefault(start, set())
        in_shares(100, 10**9, lambda *_: seen.add(threading.get_ident()))

    in_shares(shares, 10**9, outer)
    assert len(threads) == shares
    assert max(len(seen) for seen in threads.values()) == inside
    assert sum(len(seen) for seen in threads.values()) == all_cores
    assert len(set().union(*threads.values())) == all_cores
    assert len(cpu_blocks.cores()) == all_cores


def test_a_share_handles_floating_point_errors_as_its_caller_does(monkeypatch):
    monkeypatch.setattr(cpu_blocks, "CORES", 2)
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        in_shares(2, 10**9, lambda start, _: np.ones(2) / np.zeros(2) if start else None)
