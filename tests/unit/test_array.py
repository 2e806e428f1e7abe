"""A device array's shape, offset and views; the slots of the step state."""

import ml_dtypes
import numpy as np
import pytest

from mlstack_lib.array import DTYPES, SCHEDULED, STATE_SIZE, Array, Slot


def array(*shape, dtype="f32", offset=0):
    return Array("a device", "a buffer", shape, DTYPES[dtype], offset)


def described(a):
    return a.shape, a.dtype, a.offset, a.device, a.buffer


@pytest.mark.parametrize(
    ("shape", "size"), [((), 1), ((0,), 0), ((3, 0, 2), 0), ((7,), 7), ((2, 3, 5), 30)]
)
def test_size_and_ndim_are_those_numpy_gives(shape, size):
    a = array(*shape)
    assert (a.size, a.ndim) == (size, len(shape)) == (np.empty(shape).size, np.empty(shape).ndim)


@pytest.mark.parametrize(
    ("shape", "to", "want"),
    [
        ((2, 6), (3, 4), (3, 4)),
        ((2, 6), (-1,), (12,)),
        ((2, 6), (4, -1), (4, 3)),
        ((2, 6), (-1, 12, 1), (1, 12, 1)),
        ((), (1, 1), (1, 1)),
        ((1,), (), ()),
        ((0, 3), (0,), (0,)),
        ((0, 3), (-1, 3), (0, 3)),
    ],
)
def test_reshape_is_numpys_and_keeps_the_rest(shape, to, want):
    assert np.empty(shape).reshape(to).shape == want
    for changed in (array(*shape, offset=8).reshape(*to), array(*shape, offset=8).reshape(to)):
        assert described(changed) == (want, DTYPES["f32"], 8, "a device", "a buffer")


@pytest.mark.parametrize("to", [(5, -1), (-1, -1), (13,), (3, 5), (0, -1), (-2, -6), (-3, 4)])
def test_reshape_to_another_size_is_refused(to):
    with pytest.raises(ValueError, match=r"reshape: \(2, 6\)"):
        array(2, 6).reshape(*to)


@pytest.mark.parametrize("dtype", ["f32", "f64", "bf16", "i32", "u32"])
def test_a_view_begins_at_its_first_element_in_bytes_and_views_of_views_add_up(dtype):
    itemsize = DTYPES[dtype].itemsize
    view = array(4, 6, dtype=dtype, offset=256).view(5, (3, 4))
    assert described(view) == ((3, 4), DTYPES[dtype], 256 + 5 * itemsize, "a device", "a buffer")
    assert view.view(2, (2, 2)).offset == 256 + 7 * itemsize
    assert view.reshape(12).view(11, ()).offset == 256 + 16 * itemsize


@pytest.mark.parametrize(("start", "shape"), [(0, (25,)), (-1, (2,)), (24, ()), (20, (1, 5))])
def test_a_view_beyond_its_array_is_refused(start, shape):
    with pytest.raises(ValueError, match="of an array of 24"):
        array(4, 6).view(start, shape)


def test_a_view_may_end_where_its_array_ends_or_be_empty():
    assert array(4, 6).view(20, (2, 2)).offset == 80
    assert array(4, 6).view(24, (0,)).size == 0


def test_arrays_are_told_apart_by_identity_and_can_be_keys():
    a, b = array(2), array(2)
    assert a != b
    assert len({a: 1, b: 2}) == 2


def test_the_dtypes_are_named_as_in_the_kernels():
    sizes = {name: dtype.itemsize for name, dtype in DTYPES.items()}
    assert sizes == {"f32": 4, "f64": 8, "bf16": 2, "i32": 4, "u32": 4}
    assert DTYPES["bf16"] == ml_dtypes.bfloat16


def test_every_slot_has_a_place_of_its_own_and_the_scheduled_ones_come_first():
    assert sorted(Slot) == list(range(len(Slot)))
    assert len(Slot) <= STATE_SIZE
    scheduled = [Slot.STEP, Slot.LEARNING_RATE, Slot.BIAS_CORRECTION1, Slot.BIAS_CORRECTION2]
    assert list(range(SCHEDULED)) == scheduled
