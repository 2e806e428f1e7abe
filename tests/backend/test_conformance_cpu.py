"""The functions that `cpu` puts in place of the reference's give what the reference gives."""

import inspect
import zlib
from types import ModuleType

import numpy as np
import pytest

from mlstack_lib.array import Slot
from mlstack_lib.backend import ON_CPU, OPERATIONS
from mlstack_lib.conformance.arguments import Random, adamw, attention_gradient
from mlstack_lib.conformance.cases import CASES, EMPTY, LARGE, LOGITS, PRODUCTS
from mlstack_lib.conformance.comparing import (
    call,
    cast,
    check_close,
    check_guards,
    check_unchanged,
    guarded,
    map_arrays,
    op_of,
    tolerances,
)
from mlstack_lib.devices import device
from mlstack_lib.launchers import cpu, cpu_attention, cpu_blocks

LAUNCHERS = [name for name, function in ON_CPU.items() if function is not OPERATIONS.get(name)]
MODULES = {inspect.getmodule(ON_CPU[name]) for name in LAUNCHERS}
OURS = [label for label in CASES if op_of(label) in LAUNCHERS]
OURS_AT_SIZES = [(label, size) for label in OURS for size in CASES[label].sizes]
GRADIENTS = [(label, size) for label, size in OURS_AT_SIZES if CASES[label].gradients]
OURS_LARGE = [label for label in OURS if CASES[label].sizes in LARGE]
PRODUCT_LABELS = [label for label in OURS if CASES[label].sizes is PRODUCTS]
DTYPES = [np.float32, np.float64]


@pytest.fixture(autouse=True)
def buffers_full_of_nan(monkeypatch):
    """Fill every buffer that a launcher asks for with NaN, or with the largest whole number."""

    def filled(give):
        def full(*args):
            array = give(*args)
            array[...] = np.nan if array.dtype.kind == "f" else np.iinfo(array.dtype).max
            return array

        return full

    for module in MODULES:
        for name in {"empty", "scratch"} & set(vars(module)):
            monkeypatch.setattr(module, name, filled(getattr(cpu_blocks, name)))
        numpy = ModuleType("numpy")
        vars(numpy).update({**vars(np), "empty": filled(np.empty)})
        monkeypatch.setattr(module, "np", numpy)
    yield
    device("cpu").forget_steps()


def arguments_of(label, size):
    seed = zlib.crc32(f"{label} {size}".encode())
    return cast(CASES[label].make(Random(seed), *size), np.float32)


def gradients_of(label, arguments, fill):
    shapes = CASES[label].gradients(arguments)
    return tuple(np.asarray(fill(shape), np.float32) for shape in shapes)


def check(label, arguments, dtype=np.float32, gradients=None, accumulate=False):
    """Compare the launcher with the reference, and see that it writes nothing else."""
    case, op, guards = CASES[label], op_of(label), []
    want, allowed = tolerances(OPERATIONS[op], case, arguments, gradients, accumulate, dtype)
    given = guarded(cast(arguments, dtype), guards)
    out = guarded(cast(gradients, dtype), guards)
    got = call(ON_CPU[op], case, given, out, accumulate)
    check_close(got, want, allowed, dtype)
    check_unchanged(case, cast(arguments, dtype), given)
    check_guards(guards)


# ---- the registry ----


def test_every_launcher_has_a_conformance_case():
    assert len(LAUNCHERS) >= 15  # a search that finds nothing must not pass
    assert set(LAUNCHERS) - {op_of(label) for label in CASES} == set()


def test_every_reference_function_has_a_case_and_every_case_a_function():
    assert set(OPERATIONS) == {op_of(label) for label in CASES}


def test_every_launcher_stands_for_a_reference_function():
    assert set(ON_CPU) - set(OPERATIONS) == set()


@pytest.mark.parametrize("name", LAUNCHERS)
def test_launcher_has_the_signature_of_the_reference(name):
    assert inspect.signature(ON_CPU[name]) == inspect.signature(OPERATIONS[name])


def test_the_buffers_of_every_module_of_launchers_are_full_of_nan_here():
    assert len(MODULES) >= 3
    for module in MODULES:
        assert np.isnan(module.empty((3,), np.float32)).all()
        assert np.isnan(module.np.empty(3)).all()


# ---- the reference ----


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("label", "size"), [(label, case.sizes[-1]) for label, case in CASES.items()]
)
def test_reference_keeps_the_dtype_and_its_arguments(label, size, dtype):
    case, arguments = CASES[label], arguments_of(label, size)
    given, out = cast(arguments, dtype), None
    if case.gradients:
        out = cast(gradients_of(label, arguments, np.zeros), dtype)
    results = [call(OPERATIONS[op_of(label)], case, given)]
    if out is not None:
        results.append(call(OPERATIONS[op_of(label)], case, given, out, True))
    arrays = [x for x in sum(results, []) if x is not None]
    assert all(isinstance(x, np.ndarray | np.generic) for x in arrays)
    floats = [x for x in arrays if x.dtype.kind == "f"]
    assert {x.dtype for x in floats} <= {np.dtype(dtype)}
    assert not case.finite or all(np.isfinite(x).all() for x in floats)
    check_unchanged(case, cast(arguments, dtype), given)


# ---- the launchers ----


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("label", "size"), OURS_AT_SIZES)
def test_launcher_gives_what_the_reference_gives(label, size, dtype):
    check(label, arguments_of(label, size), dtype)


@pytest.mark.parametrize(("label", "size"), OURS_AT_SIZES)
def test_launcher_gives_the_same_in_the_buffers_of_a_step(label, size):
    for _ in range(2):
        with device("cpu").step("conformance"):
            check(label, arguments_of(label, size))


@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize(("label", "size"), GRADIENTS)
def test_launcher_writes_gradients_into_out(label, size, accumulate):
    arguments = arguments_of(label, size)
    fill = Random(5) if accumulate else lambda shape: np.full(shape, np.nan)
    before = gradients_of(label, arguments, lambda s: fill(*s) if accumulate else fill(s))
    check(label, arguments, gradients=before, accumulate=accumulate)


@pytest.mark.parametrize("wanted", [0, 1])
@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize(
    "label", [name for name in OURS if op_of(name).endswith(("norm_backward", "backward_weight"))]
)
def test_launcher_writes_one_gradient_and_returns_the_other(label, accumulate, wanted):
    arguments = arguments_of(label, CASES[label].sizes[-1])
    pair = gradients_of(label, arguments, lambda shape: Random(6)(*shape))
    pair = tuple(x if i == wanted else None for i, x in enumerate(pair))
    check(label, arguments, gradients=pair, accumulate=accumulate)


@pytest.mark.parametrize("label", OURS_LARGE)
def test_launcher_gives_what_the_reference_gives_in_several_blocks(label):
    check(label, arguments_of(label, LARGE[CASES[label].sizes]))


@pytest.mark.parametrize("label", [name for name in OURS if CASES[name].sizes in EMPTY])
def test_launcher_takes_arrays_without_elements(label):
    for size in EMPTY[CASES[label].sizes]:
        check(label, arguments_of(label, size))


def test_the_large_sizes_make_several_blocks_with_a_remainder():
    for rows, row_size in ((701, 389), (301, 1009), (300_007, 1)):
        height = cpu_blocks.block_height(rows, row_size)
        assert rows > height
        assert rows % height


@pytest.mark.parametrize("label", [name for name in OURS_LARGE if name not in PRODUCT_LABELS])
def test_result_is_the_same_to_the_bit_on_any_number_of_cores(label, monkeypatch):
    case, arguments = CASES[label], arguments_of(label, LARGE[CASES[label].sizes])
    given = []
    for cores in (1, 2, 3, 7):
        monkeypatch.setattr(cpu_blocks, "CORES", cores)
        results = call(ON_CPU[op_of(label)], case, cast(arguments, np.float32))
        given.append([None if x is None else x.tobytes() for x in results])
    assert given[1:] == given[:1] * 3


@pytest.mark.parametrize("cores", [1, 2, 3, 7])
@pytest.mark.parametrize("label", PRODUCT_LABELS)
def test_matrix_product_is_right_and_repeats_on_any_number_of_cores(label, cores, monkeypatch):
    monkeypatch.setattr(cpu_blocks, "CORES", cores)
    monkeypatch.setattr(cpu_blocks, "WORTH_SHARING", 0)
    case, arguments = CASES[label], arguments_of(label, (67, 33, 101))
    check(label, arguments)
    first, second = (
        [x for x in call(ON_CPU[op_of(label)], case, cast(arguments, np.float32)) if x is not None]
        for _ in range(2)
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("scores", [1, cpu_attention.SCORES])
@pytest.mark.parametrize("cores", [1, 2, 3])
@pytest.mark.parametrize(("b", "h"), [(3, 2), (2, 3), (5, 1), (1, 5)])
@pytest.mark.parametrize("label", ["attention_forward", "attention_backward"])
def test_attention_is_right_however_it_is_shared_and_grouped(
    label, b, h, cores, scores, monkeypatch
):
    monkeypatch.setattr(cpu_blocks, "CORES", cores)
    monkeypatch.setattr(cpu_blocks, "WORTH_SHARING", 0)
    monkeypatch.setattr(cpu_attention, "SCORES", scores)
    check(label, arguments_of(label, (b, 67, h, 5)))


@pytest.mark.parametrize("label", [label for label in OURS if not CASES[label].writes])
def test_launcher_takes_arrays_of_any_strides_and_read_only(label):
    case, op = CASES[label], op_of(label)
    arguments = arguments_of(label, case.sizes[-1])
    want, allowed = tolerances(OPERATIONS[op], case, arguments)

    def spread(x):
        wide = np.full((*x.shape[::-1], 2), np.nan if x.dtype.kind == "f" else -9, x.dtype)
        wide[..., 0] = x.T
        wide.flags.writeable = False
        return wide[..., 0].T

    check_close(call(ON_CPU[op], case, map_arrays(spread, arguments)), want, allowed, np.float32)


@pytest.mark.parametrize("dtype", [np.int64, np.uint16])
@pytest.mark.parametrize("label", [label for label in OURS if label.startswith("embedding")])
def test_embedding_takes_whole_numbers_of_any_dtype(label, dtype):
    arguments = arguments_of(label, CASES[label].sizes[1])
    for name in {"idx", "order"} & set(arguments):
        arguments[name] = arguments[name].astype(dtype)
    check(label, arguments)


# ---- what single functions promise ----


@pytest.mark.parametrize("size", LOGITS)
def test_cross_entropy_may_write_over_the_logits_and_gives_the_same(size):
    arguments = arguments_of("cross_entropy_with_gradient", size)
    loss, dlogits = cpu.cross_entropy_with_gradient(**cast(arguments, np.float32))
    over = cpu.cross_entropy_with_gradient(**cast(arguments, np.float32), overwrite=True)
    assert (loss, dlogits.tobytes()) == (over[0], over[1].tobytes())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("version", [ON_CPU, OPERATIONS])
def test_an_ignored_row_has_no_gradient_whatever_its_logits(version, value):
    logits = np.array([[value, 1, 2], [3, 4, 5]], np.float32)
    with np.errstate(invalid="ignore"):
        loss, dlogits = version["cross_entropy_with_gradient"](logits, np.array([-1, 2]), -1)
    assert np.isfinite(loss)
    assert (dlogits[0] == 0).all()
    assert np.isfinite(dlogits).all()


@pytest.mark.parametrize("version", [ON_CPU, OPERATIONS])
def test_adamw_writes_nothing_once_halted(version):
    arguments = cast(adamw(Random(8), 33), np.float32)
    arguments["state"][Slot.HALTED] = 1
    before = cast(arguments, np.float32)
    version["adamw"](**arguments)
    assert all(np.array_equal(before[name], arguments[name]) for name in before)


def test_attention_of_a_token_is_the_same_to_the_bit_whatever_comes_later():
    qkv = attention_gradient(Random(9), 2, 67, 3, 32)["qkv"].astype(np.float32)
    first, lse = cpu_attention.attention_forward(qkv)
    qkv[:, 66:] = 1000
    again, lse_again = cpu_attention.attention_forward(qkv)
    assert np.array_equal(first[:, :66], again[:, :66])
    assert np.array_equal(lse[..., :66], lse_again[..., :66])
    assert not np.array_equal(first[:, 66:], again[:, 66:])
