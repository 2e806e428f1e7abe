"""The device `webgpu`: arrays, bindings and the queue, and what it says when something is wrong."""

import gc
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
from runs import end_of, losses, trained

from mlstack_lib import kernels
from mlstack_lib.backend import ELSEWHERE
from mlstack_lib.conformance.running import Trial, check
from mlstack_lib.conformance.trying import try_out
from mlstack_lib.conformance.uses import table, timed
from mlstack_lib.course import doctor
from mlstack_lib.devices import device
from mlstack_lib.devices.webgpu import Device
from mlstack_lib.errors import BadInput, CouldNotFinish
from mlstack_lib.webgpu import adapter, launches, timestamps, trial
from mlstack_lib.webgpu.kernel import Kernel
from mlstack_lib.webgpu.wgsl import KernelError

MISSING = device("webgpu").missing()
FOLDING = sorted(
    file.stem
    for file in kernels.PACKAGED.glob("*.wgsl")
    if "block_x(group, groups)" in file.read_text(encoding="utf-8")
)
needs_adapter = pytest.mark.skipif(MISSING is not None, reason=f"device webgpu: {MISSING}")


@pytest.fixture
def dev():
    if MISSING:
        pytest.skip(f"device webgpu: {MISSING}")
    found = device("webgpu")
    yield found
    found.forget_steps()


def numbers(*shape) -> np.ndarray:
    return np.arange(1, np.prod(shape) + 1, dtype=np.float32).reshape(shape)


def k(name):
    return ELSEWHERE[name]


# ---- arrays and bindings ----


def test_what_goes_up_comes_down_and_counts_as_a_transfer(dev):
    before, host = dev.transfers, numbers(3, 5)
    x = dev.upload(host)
    assert np.array_equal(dev.download(x), host)
    dev.write(x, 2 * host)
    assert np.array_equal(dev.download(x), 2 * host)
    assert dev.transfers == before + 4
    with pytest.raises(ValueError, match=r"write: the array is \(3, 5\), the values \(5,\)"):
        dev.write(x, host[0])


def test_a_view_that_begins_anywhere_is_read_and_written_and_its_neighbours_are_left(dev):
    x, y = dev.upload(numbers(100)), dev.upload(numbers(100))
    k("copy")(x.view(3, (7,)), y.view(70, (7,)))
    want = numbers(100)
    want[70:77] = want[3:10]
    assert np.array_equal(dev.download(y), want)


def test_a_kernel_may_read_the_buffer_that_it_writes_to(dev):
    x = dev.upload(numbers(128))
    k("copy")(x.view(0, (64,)), x.view(64, (64,)))
    assert np.array_equal(dev.download(x), np.tile(numbers(64), 2))
    k("copy")(x.view(1, (10,)), x.view(0, (10,)))
    assert dev.download(x)[:11].tolist() == [*range(2, 12), 11]


def test_two_arrays_to_write_that_overlap_are_refused(dev):
    x, state = dev.upload(numbers(64)), dev.state
    args = [x, state, x, x, dev.upload(numbers(64)), 64, 0, 0.9, 0.9, 1e-8, 0.0]
    with pytest.raises(ValueError, match="adamw: two of the arrays that it writes overlap"):
        dev.launch("adamw", (1,), (256,), args, BLOCK=256)


def test_empty_arrays_are_arrays(dev):
    x = dev.upload(numbers(0, 3))
    assert dev.download(k("add")(x, x)).shape == (0, 3)
    assert dev.download(k("copy")(x)).shape == (0, 3)
    weight, bias = dev.upload(numbers(2, 3)), dev.upload(numbers(2))
    y, _ = k("linear_forward")(x, weight, bias)
    assert dev.download(y).shape == (0, 2)
    nothing = dev.upload(numbers(4, 0))
    product = k("matmul")(nothing, dev.upload(numbers(0, 5)))
    assert np.array_equal(dev.download(product), np.zeros((4, 5)))


def test_an_array_that_webgpu_has_no_room_for_says_so(dev):
    with pytest.raises(CouldNotFinish, match=r"no room .* of 400,000,000 bytes, .* 268,435,456"):
        dev.empty((100_000_000,), np.float32)


def test_an_array_that_webgpu_cannot_bind_says_what_to_do(dev):
    x = dev.empty((40_000_000,), np.float32)
    with pytest.raises(CouldNotFinish, match=r"fill: .* of 160,000,000 bytes; .* smaller batch"):
        k("fill")(x, 1)


def test_a_full_memory_is_told_with_the_size_that_did_not_fit(dev, monkeypatch):
    def full(**_):
        raise dev._kernels.adapter.out_of_memory("")

    assert dev.upload(numbers(2)).shape == (2,)
    monkeypatch.setattr(dev._kernels.adapter.device, "create_buffer", full)
    with pytest.raises(CouldNotFinish, match=r"no room for an array \(2,\) of 8 bytes, .* full"):
        dev.empty((2,), np.float32)


# ---- grids ----


def test_a_grid_beyond_65535_blocks_goes_on_in_z_and_is_refused_where_it_cannot():
    kernel = SimpleNamespace(name="x", folds=True)
    assert launches.fold(kernel, (65_535,)) == (65_535, 1, 1)
    assert launches.fold(kernel, (65_536,)) == (32_768, 1, 2)
    assert launches.fold(kernel, (131_071, 7)) == (43_691, 7, 3)
    for grid in ((1, 65_536), (65_536, 1, 2)):
        with pytest.raises(CouldNotFinish, match="WebGPU takes 65,535 a side$"):
            launches.fold(kernel, grid)


@pytest.mark.parametrize("name", FOLDING)
def test_a_kernel_that_knows_its_place_in_x_alone_is_refused_where_x_goes_on_in_z(
    dev, tmp_path, name
):
    file, on = kernels.PACKAGED / f"{name}.wgsl", dev._kernels.adapter
    assert launches.fold(Kernel(on, file, {}), (65_536,)) == (32_768, 1, 2)
    text = file.read_text(encoding="utf-8").replace("block_x(group, groups)", "group.x")
    (tmp_path / file.name).write_text(text, encoding="utf-8")
    with pytest.raises(CouldNotFinish, match=r"; block_x\(group, groups\) counts those that go on"):
        launches.fold(Kernel(on, tmp_path / file.name, {}), (65_536,))


def test_strictly_a_write_beyond_an_array_reaches_what_lies_behind_it(dev):
    x = dev.upload(numbers(100))
    args = [x.view(0, (7,)), 9, np.float32(-1)]  # an array of 7 numbers, said to have 9
    dev.launch("fill", (1,), (256,), args, BLOCK=256)
    assert dev.download(x)[6:10].tolist() == [-1, 8, 9, 10]
    with dev.strict(256):
        dev.launch("fill", (1,), (256,), args, BLOCK=256)
    assert dev.download(x)[6:10].tolist() == [-1, -1, -1, 10]


def test_strictly_a_grid_goes_on_in_z_from_four_blocks_on(dev, monkeypatch):
    grids, real, x = [], dev._kernels._dispatch, dev.upload(numbers(1100))
    monkeypatch.setattr(dev._kernels, "_dispatch", lambda *a: (grids.append(a[-1]), real(*a)))
    with dev.strict(0):
        k("fill")(x, 2)
    k("fill")(x, 2)
    assert grids == [(3, 1, 2), (5, 1, 1)]


def test_a_kernel_of_more_than_65535_blocks_writes_every_element_and_no_other(dev):
    n = 65_535 * 256 + 300
    buffer = dev.upload(np.zeros(n + 64, np.float32))
    k("fill")(buffer.view(0, (n,)), 1)
    got = dev.download(buffer)
    assert got[:n].min() == 1
    assert got[n:].max() == 0


def test_rows_beyond_65535_are_served_and_the_last_row_is_not_written_twice(dev):
    idx = np.array([0, 66_000, 66_000], np.int32)
    order, dy = np.arange(3, dtype=np.int32), numbers(3, 1)
    got = dev.download(k("embedding_backward")(*map(dev.upload, (dy, idx, order)), 66_001))
    assert (got[0, 0], got[66_000, 0], got.sum()) == (1, 5, 6)


# ---- the queue ----


def submits(dev, monkeypatch) -> list:
    seen, real = [], dev._kernels.adapter.submit
    monkeypatch.setattr(
        dev._kernels.adapter, "submit", lambda encoder: (seen.append(1), real(encoder))
    )
    return seen


def test_a_step_is_one_submit_and_later_ones_make_no_bind_group(dev, monkeypatch):
    x = dev.upload(numbers(300))
    seen, made = submits(dev, monkeypatch), []
    for _ in range(3):
        with dev.step("twice"):
            y = k("add")(x, x)
            z = k("add")(y, y)
            del y
        made.append(len(dev._kernels.groups))
        assert np.array_equal(dev.download(z), 4 * numbers(300))
        del z
    assert len(seen) == 3
    assert made[0] == made[1] == made[2]


def test_bind_groups_go_with_the_buffers_that_they_name(dev):
    x = dev.upload(numbers(3))
    gc.collect()
    before = len(dev._kernels.groups)
    for _ in range(10):
        k("add")(x, x)
    dev.synchronize()
    gc.collect()
    assert len(dev._kernels.groups) <= before + 1


def test_many_launches_outside_of_a_step_do_not_pile_up(dev, monkeypatch):
    x = dev.upload(numbers(3))
    seen = submits(dev, monkeypatch)
    for _ in range(2 * launches.MOST_LAUNCHES + 1):
        k("fill")(x, 1)
    assert len(seen) == 2


def test_more_different_scalars_than_the_uniform_buffer_holds_are_each_seen(dev):
    n = dev._kernels.adapter.uniforms.size // adapter.ALIGNMENT + 100
    x = dev.upload(np.zeros((n, 64), np.float32))
    for i in range(n):
        k("fill")(x.view(64 * i, (1,)), i)
    assert np.array_equal(dev.download(x)[:, 0], np.arange(n))


def test_a_replayed_body_repeats_its_launches_in_one_submit_without_running(dev, monkeypatch):
    x, y = dev.upload(numbers(300)), dev.upload(numbers(300))
    runs = []

    def body():
        runs.append(1)
        with dev.step("body"):
            k("copy")(k("add")(x, y), x)
            k("copy")(x.view(7, (5,)), y.view(1, (5,)))  # neither begins where it may be bound

    counts, want, other = [], numbers(300), numbers(300)
    seen = submits(dev, monkeypatch)
    for _ in range(5):
        before = dev.launches
        dev.replay("key", body)
        counts.append(dev.launches - before)
        want = want + other
        other[1:6] = want[7:12]
    assert len(runs) == 2
    assert counts == [3] * 5
    assert len(seen) == 5
    assert np.array_equal(dev.download(x), want)
    assert np.array_equal(dev.download(y), other)


def test_a_replay_is_recorded_anew_once_the_uniform_buffer_was_begun_anew(dev):
    x, runs = dev.upload(numbers(64)), []

    def body():
        runs.append(1)
        k("fill")(x, 0.25)

    for _ in range(3):
        dev.replay("fill", body)
    assert len(runs) == 2
    for i in range(dev._kernels.adapter.uniforms.size // adapter.ALIGNMENT + 1):
        k("fill")(x, i + 0.5)
    dev.replay("fill", body)
    assert len(runs) == 3
    assert dev.download(x).tolist() == [0.25] * 64


# ---- sizes of attention and classes that the other devices are not asked for ----


@pytest.mark.parametrize("d", [1, 5, 33, 100, 128])
@pytest.mark.parametrize("label", ["attention_forward", "attention_backward"])
def test_attention_takes_heads_of_any_size_up_to_128(dev, label, d):
    check(dev, Trial(label, (1, 67, 2, d)))


def test_cross_entropy_takes_more_classes_than_a_block_has_threads_for(dev):
    check(dev, Trial("cross_entropy_with_gradient", (2, 20_011)))


# ---- training ----


def test_a_run_gives_the_losses_of_the_cpu_and_twice_the_same_to_the_bit(dev, small, tmp_path):
    recipe = {"steps": 5, "eval_every": 5, "lr": 3e-3, "dropout": 0.1, "accumulate": 2}
    runs = {
        name: trained(small(**recipe, device=where), tmp_path / name)
        for name, where in (("cpu", "cpu"), ("first", "webgpu"), ("second", "webgpu"))
    }
    want, got = (np.array(losses(runs[name])) for name in ("cpu", "first"))
    assert len(want) == 5
    assert np.abs(got / want - 1).max() < 1e-5
    ends = [end_of(runs[name])[0] for name in ("first", "second")]
    assert ends[0] == ends[1]


# ---- a learner's file ----


def add_with(dev, tmp_path, *changes: tuple[str, str]):
    """add(3, 3) with the packaged kernel changed."""
    text = (kernels.PACKAGED / "add.wgsl").read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "add.wgsl").write_text(text, encoding="utf-8")
    x = dev.upload(np.full(3, 3, np.float32))
    with kernels.folder_first(tmp_path):
        return dev.download(k("add")(x, x))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("fn add(", "fn plus(", "add.wgsl: the entry point is 'plus', must be 'add'"),
        ("n: u32 }", "n: u32, m: f32 }", "Params must have u32 in this order, has n: u32, m: f32"),
        ("n: u32 }", "n: f32 }", "Params must have u32 in this order, has n: f32"),
        ("var<uniform> p", "var<storage, read> z: array<f32>;\n"
         "@group(0) @binding(4) var<uniform> p", "gives 3 arrays, the file binds 4: a, b, y, z"),
        ("(BLOCK)", "(64)", "makes blocks of (64, 1, 1), the launch has (256, 1, 1)"),
        ("y[i] =", "y[i] = tanh(0.0) +", "add.wgsl:14: tanh"),
        ("@compute", "var<workgroup> big: array<vec4f, 4 * BLOCK + 1>;\n@compute",
         "add.wgsl: 16,400 bytes of workgroup memory; WebGPU promises 16,384"),
    ],
)  # fmt: skip
def test_a_file_that_does_not_fit_is_refused_before_anything_runs(
    dev, tmp_path, monkeypatch, old, new, message
):
    monkeypatch.setattr(trial.subprocess, "run", None)  # no child is started
    with pytest.raises(KernelError) as caught:
        add_with(dev, tmp_path, (old, new))
    assert message in str(caught.value)


def test_an_empty_file_says_what_is_expected(dev, tmp_path):
    (tmp_path / "add.wgsl").write_text("", encoding="utf-8")
    x = dev.upload(numbers(3))
    with kernels.folder_first(tmp_path), pytest.raises(KernelError, match="one entry point"):
        k("add")(x, x)


def test_a_compile_error_has_the_files_own_line_the_line_and_the_place_in_it(dev, tmp_path):
    with pytest.raises(KernelError) as caught:
        add_with(dev, tmp_path, ("b[i];", "c[i];"))
    assert str(caught.value) == (
        "add.wgsl:14:19: no definition in scope for identifier: `c`\n"
        "    y[i] = a[i] + c[i];\n"
        "                  ^"
    )


def test_types_are_named_as_wgsl_does(dev, tmp_path):
    with pytest.raises(KernelError, match=r"add\.wgsl:14:12: .* can't work with f32 and u32"):
        add_with(dev, tmp_path, ("b[i];", "1u;"))


def test_a_file_that_takes_the_compiler_down_leaves_this_process_alive(dev, tmp_path):
    call = ("y[i] = ", "var q = array<f32, 4>(); store( & (q[1])); y[i] = q[1] + ")
    callee = ("@compute", "fn store(v: ptr<function, f32>) { *v = 1; }\n@compute")
    with pytest.raises(KernelError, match=r"the WGSL compiler came down with it \(naga-"):
        add_with(dev, tmp_path, call, callee)
    assert add_with(dev, tmp_path, ("a[i] +", "a[i] -")).tolist() == [0, 0, 0]


def test_a_trial_that_comes_to_no_end_is_stopped(dev, tmp_path, monkeypatch):
    # of no time at all: lavapipe itself gives up a loop after 65,535 rounds, so none is endless
    monkeypatch.setattr(trial, "SECONDS", 0.01)
    with pytest.raises(KernelError, match=r"add\.wgsl: did not come to an end .* first launch"):
        add_with(dev, tmp_path, ("a[i] + b[i]", "a[i] + 2.0 * b[i]"))


def test_a_file_is_tried_once_for_each_text(dev, tmp_path, monkeypatch):
    change = ("a[i] + b[i]", "a[i] * b[i] + 0.0")
    assert add_with(dev, tmp_path, change).tolist() == [9, 9, 9]
    monkeypatch.setattr(trial.subprocess, "run", None)
    assert add_with(dev, tmp_path, change).tolist() == [9, 9, 9]


def test_files_of_a_learners_folder_are_tried_whole_before_a_run(dev, tmp_path):
    text = (kernels.PACKAGED / "add.wgsl").read_text(encoding="utf-8")
    file = tmp_path / "add.wgsl"
    file.write_text(text.replace("a[i] + b[i]", "a[i] - b[i]"), encoding="utf-8")
    (note,) = try_out(tmp_path, "webgpu")
    assert note.startswith(f"{file}: not what the reference gives on webgpu, in a trial of add")
    file.write_text(text.replace("a[i] + b[i]", "a[i] + c[i]"), encoding="utf-8")
    with pytest.raises(BadInput, match=r"add\.wgsl:14:19: no definition in scope for .* `c`"):
        try_out(tmp_path, "webgpu")


@pytest.mark.parametrize("has_timestamps", [True, False])
def test_the_table_names_the_learners_file_its_launches_and_how_long_they_took(
    dev, tmp_path, monkeypatch, has_timestamps
):
    if has_timestamps and not dev._kernels.adapter.has_timestamps:
        pytest.skip("the adapter has no timestamps")
    monkeypatch.setattr(dev._kernels.adapter, "has_timestamps", has_timestamps)
    dev.forget_steps()
    with timed(dev):
        assert add_with(dev, tmp_path, ("a[i] + b[i]", "b[i] + a[i]")).tolist() == [6, 6, 6]
    head, row, clock = table(dev).splitlines()
    assert head.split() == ["kernel", "file", "used", "launches", "us"]
    assert row.split()[:3] == ["add", str(tmp_path / "add.wgsl"), "1"]
    assert float(row.split()[3].replace(",", "")) > 0
    by = "the adapter's timestamps" if has_timestamps else "this machine's clock, with a wait"
    assert clock.startswith(f"us: the mean of a launch, by {by}")


def test_timestamps_add_up_to_no_more_than_the_time_that_passed(dev, monkeypatch):
    if not dev._kernels.adapter.has_timestamps:
        pytest.skip("the adapter has no timestamps")
    monkeypatch.setattr(timestamps, "QUERIES", 8)  # the marks of four launches: three blocks
    x = dev.upload(np.zeros((256, 256), np.float32))
    launches = [ELSEWHERE["matmul"], ELSEWHERE["add"]]
    for launch in launches:
        launch(x, x)
    dev.synchronize()
    dev.forget_steps()
    began = time.perf_counter()
    with timed(dev):
        for launch in launches * 5:
            launch(x, x)
    used = dev.uses()
    passed = time.perf_counter() - began
    assert [use.timed for use in used.values()] == [5, 5]
    # 512 operations an element beside one: even where adding costs as much as ten of them
    assert 0 < used["add"].seconds < used["matmul"].seconds
    assert used["add"].seconds + used["matmul"].seconds < passed


# ---- adapters ----


def test_without_an_adapter_the_device_says_how_to_get_one(monkeypatch):
    class NoGpu:
        class gpu:
            @staticmethod
            def request_adapter_sync(**_):
                return None

    monkeypatch.setattr(adapter, "_wgpu", lambda: NoGpu)
    found = adapter.find_adapter.__wrapped__()
    assert "apt install mesa-vulkan-drivers" in found
    monkeypatch.setattr(adapter, "find_adapter", lambda: found)
    alone = Device()
    assert alone.missing() == found
    with pytest.raises(CouldNotFinish, match="device webgpu: there is no WebGPU adapter: install"):
        alone.upload(numbers(1))


def test_without_the_package_the_device_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "wgpu", None)
    assert "python -m pip install 'wgpu" in adapter.find_adapter.__wrapped__()


@needs_adapter
def test_doctor_names_the_adapter_and_says_when_it_is_a_software_one():
    line = next(x for x in doctor.report().splitlines() if "device webgpu" in x)
    info = adapter.find_adapter().info
    assert line.startswith(f"[ok] device webgpu: {info['device']}, {info['backend_type']}")
    assert ("a software adapter, right but slow" in line) == (info["adapter_type"] == "CPU")


@needs_adapter
def test_the_limits_are_webgpus_defaults_whatever_the_adapter_has(dev):
    limits = dev._kernels.adapter.device.limits
    assert {name: limits[name] for name in adapter.LIMITS} == adapter.LIMITS


@needs_adapter
def test_a_lost_adapter_is_told_at_every_use_and_the_process_lives():
    code = """
import numpy as np
from mlstack_lib.devices import device
from mlstack_lib.backend import ELSEWHERE
from mlstack_lib.errors import BadInput, CouldNotFinish
dev = device("webgpu")
x = dev.upload(np.ones(3, np.float32))
dev._kernels.adapter.device.destroy()
for use in (lambda: ELSEWHERE["fill"](x, 1), lambda: ELSEWHERE["fill"](x, 1) or dev.download(x),
            dev.synchronize, lambda: dev.upload(np.ones(3, np.float32))):
    try:
        use()
        print("nothing")
    except CouldNotFinish as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    told = done.stdout.splitlines()
    assert done.returncode == 0
    assert len(told) == 4
    for line in told:
        assert line == (
            "device webgpu: the adapter gave up (Parent device is lost); what it held is lost: "
            "start Python anew, and resume the run"
        )
