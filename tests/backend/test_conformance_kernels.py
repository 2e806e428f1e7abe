"""The launchers and kernels give what the reference gives, on every device that this machine has.

`cuda-sim` runs them with all checks: a race, an access beyond an array or a read of shared memory
that nobody wrote fails here too. Its device memory begins as NaN.
"""

import inspect
import zlib

import numpy as np
import pytest
from cases import CASES, LARGE, LOGITS, ROWS, TOKENS, Random
from conformance import call, cast, check_close, check_unchanged, map_arrays, op_of, tolerances

import mlstack_lib as ml
from mlstack_lib import cli, kernels, sim
from mlstack_lib.array import Array, Slot
from mlstack_lib.backend import ELSEWHERE, OPERATIONS
from mlstack_lib.devices import device
from mlstack_lib.optim import AdamW
from mlstack_lib.presets import preset

NAMES = ["cuda-sim", "cuda"]
DEVICES = [name for name in NAMES if device(name).missing() is None]
LABELS = [label for label in CASES if op_of(label) in ELSEWHERE]
AT_SIZES = [(label, size) for label in LABELS for size in CASES[label].sizes]
GRADIENTS = [(label, CASES[label].sizes[-1]) for label in LABELS if CASES[label].gradients]
# sizes of several blocks, as far as the simulator has them done in a second or so
SEVERAL_BLOCKS = {**LARGE, ROWS: (301, 131), TOKENS: (3, 101, 97, 203), LOGITS: (31, 1009)}


@pytest.fixture(scope="module", autouse=True)
def compiled_once(tmp_path_factory):
    """The simulator's libraries of all these tests in one folder of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLSTACK_DATA", str(tmp_path_factory.mktemp("simulator")))
        yield


@pytest.fixture(autouse=True)
def own_cache_folder():
    """Not one for each test: the libraries are in `compiled_once`."""


@pytest.fixture(params=DEVICES)
def dev(request):
    """Each device that this machine has."""
    found = device(request.param)
    yield found
    found.forget_steps()


def arguments_of(label, size):
    return cast(
        CASES[label].make(Random(zlib.crc32(f"{label} {size}".encode())), *size), np.float32
    )


def on(dev, value):
    return map_arrays(dev.upload, value)


def host(dev, values) -> list:
    return [dev.download(v) if isinstance(v, Array) else v for v in values]


def down(dev, value):
    """Arrays of a device in a dict or tuple, as NumPy arrays."""
    if isinstance(value, dict):
        return {name: down(dev, item) for name, item in value.items()}
    if isinstance(value, tuple):
        return tuple(down(dev, item) for item in value)
    return dev.download(value) if isinstance(value, Array) else value


def check(dev, label, size, gradients=None, accumulate=False):
    case, op, arguments = CASES[label], op_of(label), arguments_of(label, size)
    want, allowed = tolerances(OPERATIONS[op], case, arguments, gradients, accumulate)
    given, out = on(dev, arguments), None if gradients is None else on(dev, gradients)
    got = call(ELSEWHERE[op], case, given, out, accumulate)
    check_close(host(dev, got), want, allowed, np.float32)
    check_unchanged(case, arguments, down(dev, given))


# ---- what there is ----


@pytest.mark.parametrize("name", NAMES)
def test_each_device_is_tried(name):
    if why := device(name).missing():
        pytest.skip(f"device {name}: {why}")
    assert name in DEVICES


def test_every_operation_has_a_launcher_but_the_two_that_need_none():
    assert set(OPERATIONS) - set(ELSEWHERE) == {"pcg4d", "store"}
    assert set(ELSEWHERE) <= {op_of(label) for label in CASES}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_launcher_has_the_signature_of_the_reference(name):
    assert inspect.signature(ELSEWHERE[name]) == inspect.signature(OPERATIONS[name])


def test_the_slots_in_the_kernels_common_part_are_those_of_the_step_state():
    text = (kernels.PACKAGED / "common.cuh").read_text(encoding="utf-8")
    names = text[text.index("enum {") + 6 : text.index("}", text.index("enum {"))].split(",")
    names = [name.strip() for name in names]
    assert names == [*(slot.name for slot in Slot), "SCHEDULED = 4"]


# ---- conformance ----


@pytest.mark.parametrize(("label", "size"), AT_SIZES)
def test_a_launcher_gives_what_the_reference_gives(dev, label, size):
    check(dev, label, size)


@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize(("label", "size"), GRADIENTS)
def test_a_launcher_writes_gradients_into_out(dev, label, size, accumulate):
    shapes = CASES[label].gradients(arguments_of(label, size))
    fill = Random(5) if accumulate else lambda *shape: np.full(shape, np.nan)
    before = tuple(np.asarray(fill(*shape), np.float32) for shape in shapes)
    check(dev, label, size, before, accumulate)


@pytest.mark.parametrize("label", [name for name in LABELS if CASES[name].sizes in SEVERAL_BLOCKS])
def test_a_launcher_gives_what_the_reference_gives_in_several_blocks(dev, label):
    check(dev, label, SEVERAL_BLOCKS[CASES[label].sizes])


def test_a_long_weight_gradient_is_split_and_summed(dev):
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((2100, n)).astype(np.float32) for n in (33, 65))
    got = dev.download(ELSEWHERE["matmul_tn"](dev.upload(a), dev.upload(b)))
    want = a.astype(np.float64).T @ b.astype(np.float64)
    # a sum of k numbers in any order is off by at most k half ulps of the sum of their sizes
    allowed = 2100 * 2.0**-24 * (np.abs(a).T.astype(np.float64) @ np.abs(b))
    assert (np.abs(got - want) <= allowed).all()


def test_every_kernel_of_the_package_is_launched_by_these_cases(dev, monkeypatch):
    launched, real = set(), dev.launch

    def note(name, *args, **kwargs):
        launched.add(name)
        real(name, *args, **kwargs)

    monkeypatch.setattr(dev, "launch", note)
    for label in LABELS:
        check(dev, label, CASES[label].sizes[0])
    packaged = {path.stem for path in kernels.PACKAGED.glob("*.cu")}
    assert launched == {name for name in packaged if not name.endswith("_bf16")}  # have a test file


def test_an_array_of_another_dtype_is_refused(dev):
    array = dev.upload(np.zeros(3))
    with pytest.raises(TypeError, match="add: the kernel takes f32, i32 or u32, got float64"):
        ELSEWHERE["add"](array, array)


def test_a_learners_file_wins_and_is_compiled_anew_once_it_is_edited(dev, tmp_path):
    text = (kernels.PACKAGED / "add.cu").read_text(encoding="utf-8")
    x = dev.upload(np.full(3, 3, np.float32))

    def total() -> list:
        return dev.download(ELSEWHERE["add"](x, x)).tolist()

    with kernels.folder_first(tmp_path):
        for sign, want in (("-", 0), ("*", 9)):
            (tmp_path / "add.cu").write_text(text.replace("a[i] + b[i]", f"a[i] {sign} b[i]"))
            assert total() == [want] * 3
        (tmp_path / "add.cu").write_text(f"// {kernels.STUB_MARKER}\n{text}")
        assert total() == [6] * 3  # still a stub, so the packaged one
    assert total() == [6] * 3


def test_rows_of_an_array_are_the_same_memory_and_give_their_gradient_back(dev):
    host = np.arange(12, dtype=np.float32).reshape(4, 3)
    x = ml.tensor(host, device=dev.name, requires_grad=True)
    part = x[1:3]
    assert np.array_equal(part.numpy(), host[1:3])
    part.backward(dev.upload(np.ones((2, 3), np.float32)))
    assert x.grad.numpy().tolist() == [[0] * 3, [1] * 3, [1] * 3, [0] * 3]
    with pytest.raises(NotImplementedError, match="getitem: runs on cpu only"):
        x[::2]


# ---- training ----


def losses(name: str, steps: int) -> tuple[np.ndarray, list[int]]:
    """The losses of steps of a small GPT, and the transfers after each."""
    on_device, recipe = device(name), preset("tiny")
    on_device.forget_steps()
    model = ml.GPT(recipe.model(97), rng=np.random.default_rng(0), device=name)
    optimizer = AdamW(model, lr=3e-3, max_norm=1.0)
    idx, targets = np.random.default_rng(1).integers(0, 97, (2, 2, recipe.context), dtype=np.int32)
    order = np.argsort(idx.ravel(), kind="stable").astype(np.int32)
    idx, targets, order = (
        x if name == "cpu" else on_device.upload(x) for x in (idx, targets, order)
    )
    schedule = on_device.upload(optimizer.schedule(1, [3e-3] * steps))
    kept, moved = [], []
    k = ml.backend.backend(optimizer.params)
    for _ in range(steps):
        optimizer.zero_grad()
        with on_device.step("micro-batch"):
            loss = model.loss(idx, targets, order=order)
            loss.backward()
            kept.append(k.copy(loss.data, on_device.upload(np.zeros((), np.float32))))
            del loss
        with on_device.step("update"):
            k.advance(on_device.state, schedule)
            optimizer.update()
        moved.append(on_device.transfers)
    return np.array([float(on_device.download(x)) for x in kept]), moved


def test_twenty_steps_agree_with_the_cpu_repeat_to_the_bit_and_move_nothing(dev):
    with sim.config(check=False):
        got, moved = losses(dev.name, 20)
        again, _ = losses(dev.name, 20)
    want, _ = losses("cpu", 20)
    assert np.abs(got / want - 1).max() < 1e-5
    assert want[-1] < want[0] - 1
    assert np.array_equal(got, again)
    # one upload a step is this test's own, to keep the loss; the first step also makes constants
    assert set(np.diff(moved)) == {1}


def test_a_run_of_the_command_line_trains_saves_and_writes_text(dev, text_file, tmp_path, capfd):
    words = ["--preset", "tiny", "--device", dev.name, "--corpus", f"text:{text_file}"]
    words += ["--vocab_size", "270", "--steps", "3", "--eval_every", "3", "--batch", "2"]
    with sim.config(check=False):
        assert cli.main(["train", *words, "--out", str(tmp_path / "run")]) == 0
        capfd.readouterr()
        assert (
            cli.main(["generate", str(tmp_path / "run"), "--prompt", "the", "--tokens", "9"]) == 0
        )
    assert capfd.readouterr().out.startswith("the")
