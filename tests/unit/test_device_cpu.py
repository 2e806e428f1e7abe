"""The cpu device: its counters, and the buffers of a step."""

import gc

import numpy as np
import pytest

from mlstack_lib.array import STATE_SIZE
from mlstack_lib.backend import backend
from mlstack_lib.devices import NAMES, device
from mlstack_lib.devices.buffers import Pool
from mlstack_lib.devices.cpu import ALIGNMENT, Device, _aligned
from mlstack_lib.errors import BadInput


@pytest.fixture
def cpu():
    return Device()


def address(array):
    return array.__array_interface__["data"][0]


def take(cpu, *shapes, key="a"):
    """The addresses of the arrays of one step, all kept to its end."""
    with cpu.step(key):
        return [address(x) for x in [cpu.empty(shape, np.float32) for shape in shapes]]


# ---- devices by name ----


def test_a_name_always_gives_the_same_device():
    assert device("cpu") is device("cpu")
    assert device("cpu").name == "cpu"


def test_an_unknown_device_is_refused_with_the_nearest_and_all_names():
    with pytest.raises(BadInput, match=r"'cpv' is not known, did you mean 'cpu'\?; known: \["):
        device("cpv")


@pytest.mark.parametrize("name", NAMES)
def test_every_device_has_the_methods_of_the_cpu(name):
    methods = {key for key, value in vars(Device).items() if callable(value) and key[0] != "_"}
    assert {"empty", "upload", "download", "write", "synchronize", "step", "missing"} <= methods
    if device(name).missing() is None:
        assert methods <= set(dir(device(name)))


# ---- arrays and counters ----


@pytest.mark.parametrize("copy", ["upload", "download"])
def test_upload_and_download_copy_and_count_one_transfer(cpu, copy):
    array = np.arange(6.0).reshape(2, 3)
    other = getattr(cpu, copy)(array)
    assert (cpu.transfers, cpu.launches) == (1, 0)
    assert np.array_equal(other, array)
    assert other.dtype == array.dtype
    assert not np.shares_memory(other, array)


def test_write_overwrites_in_place_and_counts_one_transfer(cpu):
    array = cpu.empty((2, 2), np.float32)
    cpu.write(array, np.eye(2))
    assert np.array_equal(array, np.eye(2))
    assert cpu.transfers == 1


def test_empty_moves_nothing(cpu):
    assert cpu.empty((3,), np.float32).shape == (3,)
    cpu.synchronize()
    assert (cpu.transfers, cpu.launches, cpu.missing()) == (0, 0, None)


def test_every_function_that_the_backend_serves_counts_as_a_launch():
    x, before = np.ones((2, 2), np.float32), device("cpu").launches
    backend(x).add(x, x)
    backend(x).matmul(x, x)
    assert device("cpu").launches == before + 2


def test_the_state_begins_as_zeros(cpu):
    assert cpu.state.shape == (STATE_SIZE,)
    assert cpu.state.dtype == np.float32
    assert not cpu.state.any()


# ---- a step's buffers ----

SHAPES = [(3, 4), (5,), (3, 4), (), (0, 2), (7, 11, 2)]


def test_every_later_step_gets_the_same_buffers_and_allocates_nothing(cpu):
    first = take(cpu, *SHAPES)
    count = len(cpu._steps.pool.buffers)
    assert [take(cpu, *SHAPES) for _ in range(5)] == [first] * 5
    assert len(cpu._steps.pool.buffers) == count == len(SHAPES)


def test_arrays_that_are_alive_together_never_share_memory(cpu):
    for _ in range(3):
        with cpu.step("a"):
            arrays = [cpu.empty((10,), np.float32) for _ in range(8)]
            for i, array in enumerate(arrays):
                array[...] = i
            assert all((array == i).all() for i, array in enumerate(arrays))
        del arrays, array


def test_an_array_that_is_gone_leaves_its_buffer_to_the_next_of_its_size(cpu):
    with cpu.step("a"):
        first = address(cpu.empty((6,), np.float32))
        assert address(cpu.empty((2, 3), np.float32)) == first
        assert address(cpu.empty((3,), np.float64)) == first
        assert address(cpu.empty((5,), np.float32)) != first
    assert len(cpu._steps.pool.buffers) == 2


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x[1:],
        lambda x: x.reshape(-1),
        lambda x: x.T,
        lambda x: x[None][0, 2:, ::2].T,
        lambda x: np.broadcast_to(x, (2, *x.shape)),
        lambda x: x.view(np.int32),
    ],
)
def test_a_view_keeps_the_buffer(cpu, view):
    with cpu.step("a"):
        kept = view(cpu.empty((4, 4), np.float32))
        gc.collect()
        assert not np.shares_memory(kept, cpu.empty((4, 4), np.float32))
    del kept
    assert len(set(take(cpu, (4, 4), (4, 4), key="b"))) == 2
    assert len(cpu._steps.pool.buffers) == 2


def test_an_array_that_outlives_its_step_keeps_its_values(cpu):
    with cpu.step("a"):
        loss = cpu.empty((3,), np.float32)
        loss[...] = 7
    with cpu.step("a"):
        cpu.empty((3,), np.float32)[...] = 8
    assert (loss == 7).all()


def test_steps_of_two_keys_have_sequences_of_their_own_and_share_buffers(cpu):
    first, second = take(cpu, (3,), (4,), key="a"), take(cpu, (4,), (3,), key="b")
    assert sorted(first) == sorted(second)
    assert take(cpu, (3,), (4,), key="a") == first
    assert take(cpu, (4,), (3,), key="b") == second


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "int32", "uint32", "bool"])
def test_buffers_are_aligned_writable_and_of_the_asked_dtype(cpu, dtype):
    with cpu.step("a"):
        arrays = [cpu.empty((n, 3), np.dtype(dtype)) for n in (1, 5, 33)]
        for array in arrays:
            array[...] = 1
    assert {array.dtype.name for array in arrays} == {dtype}
    assert {address(array) % ALIGNMENT for array in arrays} == {0}
    assert all(array.flags.c_contiguous for array in arrays)


@pytest.mark.parametrize(
    ("later", "message"),
    [
        ([(3,), (5,)], r"step 'a': array 1 is \(\(5,\), .*the first step had \(\(4,\)"),
        ([(3,)], r"step 'a': array 1 is nothing, the first step had \(\(4,\)"),
        ([(3,), (4,), (9,)], r"step 'a': array 2 is \(\(9,\), .*the first step had nothing"),
        ([(4,), (3,)], r"step 'a': array 0 is \(\(4,\)"),
        ([], "step 'a': array 0 is nothing"),
    ],
)
def test_a_step_that_differs_from_the_first_is_refused_with_the_place(cpu, later, message):
    take(cpu, (3,), (4,))
    with pytest.raises(RuntimeError, match=message):
        take(cpu, *later)
    take(cpu, (3,), (4,))  # and the recording is still the first one


def test_another_dtype_of_one_size_is_a_difference(cpu):
    take(cpu, (3,))
    with pytest.raises(RuntimeError, match="int32"), cpu.step("a"):
        cpu.empty((3,), np.int32)


def test_a_step_within_a_step_is_refused_and_leaves_the_outer_one_as_it_was(cpu):
    with cpu.step("a"):
        cpu.empty((3,), np.float32)
        with pytest.raises(RuntimeError, match="'b': another step is already open"), cpu.step("b"):
            pass
        cpu.empty((4,), np.float32)
    assert [shape for shape, _ in cpu._steps.recordings["a"]] == [(3,), (4,)]


def test_a_step_that_fails_raises_its_own_error_and_records_nothing(cpu):
    def failing():
        with cpu.step("a"):
            cpu.empty((3,), np.float32)
            raise KeyError

    with pytest.raises(KeyError):
        failing()
    assert cpu._steps.recordings == {}
    outside = cpu.empty((3,), np.float32)
    take(cpu, (4,))
    assert len(cpu._steps.pool.buffers) == 2
    assert outside.base is None  # not out of a step's buffers


def test_forgetting_the_steps_allows_another_sequence_and_new_buffers(cpu):
    with cpu.step("a"):
        kept = cpu.empty((3,), np.float32)
    kept[...] = 5
    cpu.forget_steps()
    take(cpu, (4,), (3,))
    assert len(cpu._steps.pool.buffers) == 2
    assert (kept == 5).all()


def test_the_lowest_free_buffer_is_lent_first():
    pool = Pool(_aligned)
    arrays = [pool.lend(16, np.frombuffer) for _ in range(4)]
    places = [address(array) for array in arrays]
    del arrays[2], arrays[0]
    again = [pool.lend(16, np.frombuffer) for _ in range(2)]
    assert [address(array) for array in again] == [places[0], places[2]]
