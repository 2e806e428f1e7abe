"""The launchers and kernels give what the reference gives, on every device that this machine has.

`cuda-sim` runs them with all checks: a race, an access beyond an array or a read of shared memory
that nobody wrote fails here too. Its device memory begins as NaN.
"""

import inspect
import re

import numpy as np
import pytest

import mlstack_lib as ml
from mlstack_lib import cli, kernels, sim, train
from mlstack_lib.array import Slot
from mlstack_lib.backend import ELSEWHERE, OPERATIONS
from mlstack_lib.conformance.cases import CASES, EMPTY, LARGE, LOGITS, ROWS, TOKENS
from mlstack_lib.conformance.comparing import Mismatch, op_of
from mlstack_lib.conformance.running import (
    LABELS,
    Trial,
    check,
    launches_of,
    trials,
    trials_by_kernel,
)
from mlstack_lib.devices import device
from mlstack_lib.errors import CouldNotFinish
from mlstack_lib.launchers import cublaslt
from mlstack_lib.optim import AdamW
from mlstack_lib.presets import preset

NAMES = ["cuda-sim", "cuda", "webgpu"]
DEVICES = [name for name in NAMES if device(name).missing() is None]
PACKAGED = {path.stem for path in kernels.PACKAGED.glob("*.cu")}
F32_KERNELS = {name for name in PACKAGED if not name.endswith("_bf16")}  # those have a test file
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


@pytest.mark.parametrize("trial", trials(), ids=str)
def test_a_launcher_gives_what_the_reference_gives(dev, trial):
    check(dev, trial)


@pytest.mark.parametrize("label", [name for name in LABELS if CASES[name].sizes in SEVERAL_BLOCKS])
def test_a_launcher_gives_what_the_reference_gives_in_several_blocks(dev, label):
    with sim.config(timeout=100):  # the simulator needs seconds, on a busy machine more
        check(dev, Trial(label, SEVERAL_BLOCKS[CASES[label].sizes]))


@pytest.mark.parametrize(("label", "kibibytes", "tile"), [
    ("attention_forward", 64, (32, 32)), ("attention_forward", 48, (16, 16)),
    ("attention_backward", 99, (32, 32)), ("attention_backward", 48, (16, 16)),
])  # fmt: skip
def test_attention_has_smaller_tiles_where_blocks_have_less_shared_memory(
    label, kibibytes, tile, monkeypatch
):
    dev, trial = device("cuda-sim"), Trial(label, (1, 65, 2, 128))
    if missing := dev.missing():
        pytest.skip(f"device {dev.name}: {missing}")
    tiled = [dict(launch.constants) for launch in launches_of(trial, kibibytes << 10)]
    tiles = {(c["ROWS"], c["COLUMNS"]) for c in tiled if "COLUMNS" in c}
    assert tiles == {tile}
    monkeypatch.setattr(dev, "shared_memory", kibibytes << 10)
    check(dev, trial)


@pytest.mark.parametrize("label", [name for name in LABELS if CASES[name].sizes in EMPTY])
def test_a_launcher_takes_arrays_without_elements(dev, label):
    for size in EMPTY[CASES[label].sizes]:
        check(dev, Trial(label, size))
        with dev.step(f"{label} {size}"):
            check(dev, Trial(label, size))


def test_every_kernel_of_the_package_is_launched_by_these_cases(dev, monkeypatch):
    launched, real = set(), dev.launch

    def note(name, *args, **kwargs):
        launched.add(name)
        real(name, *args, **kwargs)

    monkeypatch.setattr(dev, "launch", note)
    for label in LABELS:
        check(dev, Trial(label, CASES[label].sizes[0]))
    assert launched == F32_KERNELS


def test_the_trials_of_a_kernel_are_known_without_a_device(dev, monkeypatch):
    launched, real = [], dev.launch

    def note(name, *args, **kwargs):
        launched.append(name)
        real(name, *args, **kwargs)

    monkeypatch.setattr(dev, "launch", note)
    trial = Trial("attention_backward", (2, 31, 3, 32))
    check(dev, trial)
    assert [launch.name for launch in launches_of(trial)] == launched
    assert all(trial in trials_by_kernel()[name] for name in launched)
    assert set(trials_by_kernel()) == F32_KERNELS


@pytest.mark.parametrize(
    ("line", "message"),
    [("y[i + 1] = 0;", "after an array's last"), ("y[-1] = 0;", "before an array's first")],
)
def test_a_write_beyond_an_array_is_seen_where_the_device_does_not_check(tmp_path, line, message):
    text = (kernels.PACKAGED / "add.cu").read_text(encoding="utf-8")
    (tmp_path / "add.cu").write_text(text.replace("y[i] =", f"{line} y[i] ="))
    unchecked = sim.config(check=False, workers=1)
    with kernels.folder_first(tmp_path), unchecked, pytest.raises(Mismatch, match=message):
        check(device("cuda-sim"), Trial("add", (1, 1)))
    assert not {"empty", "upload"} & set(vars(device("cuda-sim")))


def test_an_array_of_another_dtype_is_refused(dev):
    array = dev.upload(np.zeros(3))
    with pytest.raises(TypeError, match="add: the kernel takes f32, i32 or u32, got float64"):
        ELSEWHERE["add"](array, array)


def test_a_learners_file_wins_and_is_compiled_anew_once_it_is_edited(dev, tmp_path):
    name = f"add{dev.suffix}"
    text = (kernels.PACKAGED / name).read_text(encoding="utf-8")
    x = dev.upload(np.full(3, 3, np.float32))

    def total() -> list:
        return dev.download(ELSEWHERE["add"](x, x)).tolist()

    with kernels.folder_first(tmp_path):
        for sign, want in (("-", 0), ("*", 9)):
            (tmp_path / name).write_text(text.replace("a[i] + b[i]", f"a[i] {sign} b[i]"))
            assert total() == [want] * 3
        (tmp_path / name).write_text(f"// {kernels.STUB_MARKER}\n{text}")
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


def test_a_run_whose_numbers_overflow_stops_with_the_op_that_made_the_first(dev, small, tmp_path):
    recipe = small(device=dev.name, lr=1e30, warmup=0, save_every=1, accumulate=2)
    with sim.config(check=False), pytest.raises(CouldNotFinish) as caught:
        train.start(recipe, tmp_path / "run").train()
    assert re.match(
        r"training stopped at update 2: linear \(forward\): \d+ of \d+ values are NaN or infinite; "
        r"all its inputs are finite; nn.py:\d+: .*; the last checkpoint is .*step-0000001",
        str(caught.value),
    )


# ---- products by NVIDIA's library ----


@pytest.mark.skipif("cuda" not in DEVICES, reason="cuBLASLt: there is no device cuda")
@pytest.mark.parametrize("tf32", [False, True])
def test_the_librarys_products_are_what_the_reference_gives(tf32):
    functions, rng, dev = cublaslt.overrides(tf32), np.random.default_rng(0), device("cuda")
    x, weight, bias, dy = (
        rng.standard_normal(shape, np.float32) for shape in ((96, 64), (48, 64), (48,), (96, 48))
    )
    up = {name: dev.upload(a) for name, a in (("x", x), ("w", weight), ("b", bias), ("dy", dy))}
    y, pre = functions["linear_forward"](up["x"], up["w"], up["b"], "gelu")
    exact = [a.astype(np.float64) for a in (x, weight, bias)]
    want, want_pre = OPERATIONS["linear_forward"](*exact, "gelu")
    dx = functions["linear_backward_input"](up["dy"], up["w"])
    dw, db = functions["linear_backward_weight"](up["dy"], up["x"])
    functions["linear_backward_weight"](up["dy"], up["x"], out=(dw, db), accumulate=True)
    pairs = [(y, want), (pre, want_pre), (dx, dy @ weight), (dw, 2 * dy.T @ x), (db, 2 * dy.sum(0))]
    for got, wanted in pairs:
        # TF32 keeps 10 bits of a factor: 2^-11 relative each, of sums of up to 96 products
        allowed = (2**-10 if tf32 else 1e-5) * np.abs(wanted).max()
        assert np.abs(dev.download(got) - wanted).max() <= allowed
