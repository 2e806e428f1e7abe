"""Time limits, Ctrl-C, and the cache: in processes of their own where a signal is sent."""

import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

from mlstack_lib import sim
from mlstack_lib.errors import CouldNotFinish
from mlstack_lib.sim import build
from mlstack_lib.sim.compilers import find
from mlstack_lib.sim.launch import _end
from mlstack_lib.sim.memory import current_runtime

LOOP = """
import numpy as np, sys
from mlstack_lib import sim
kernel = sim.RawKernel('extern "C" __global__ void k(volatile float* y) {\\n while (y[0] < 1e9f) BODY\\n}', "k")
y = sim.zeros(64, np.float32)
with sim.config(check=CHECK, timeout=60):
    kernel.compile()
    print("ready", flush=True)
    try:
        kernel((2,), (64,), (y,))
    except KeyboardInterrupt as stop:
        assert stop._render_traceback_() == ["k: interrupted; the arrays hold what was written so far"]
        y[0] = 2e9
        kernel((2,), (64,), (y,))
        print("went on", float(y[0]))
"""


@pytest.mark.parametrize("body", ["{ }", "__syncthreads();", "__syncwarp();"])
@pytest.mark.parametrize("check", [True, False], ids=["checked", "fast"])
def test_ctrl_c_ends_a_launch_at_once_and_the_next_one_works(check, body, simulator_cache):
    program = LOOP.replace("CHECK", str(check)).replace("BODY", body)
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "ready\n"
    time.sleep(0.3)
    began = time.perf_counter()
    child.send_signal(signal.SIGINT)
    output, _ = child.communicate(timeout=20)
    assert output == "went on 2000000000.0\n"
    assert child.returncode == 0
    assert time.perf_counter() - began < 5


def test_a_second_ctrl_c_does_not_leave_a_launch_running():
    waits = iter([KeyboardInterrupt, 1, KeyboardInterrupt, 0])

    def wait(milliseconds):
        given = next(waits)
        if given is KeyboardInterrupt:
            raise given
        return given

    _end(wait, lambda: None)
    assert list(waits) == []


def test_the_end_of_a_launch_may_be_waited_for_again():
    kernel = sim.RawKernel('extern "C" __global__ void k(float* y) { y[0] = 1; }', "k")
    kernel((1,), (1,), (sim.zeros(1, np.float32),))
    library = current_runtime().library
    library.sim_cancel()
    assert [library.sim_wait(1), library.sim_wait(1)] == [0, 0]


@pytest.mark.parametrize("check", [True, False], ids=["checked", "fast"])
@pytest.mark.parametrize(
    "body", ["{ }", "__syncthreads();", "{ y[t] += 1; }", "{ s += expf(s); y[1] = s; }"]
)
def test_the_time_limit_names_the_line(check, body, compiler):
    code = ('extern "C" __global__ void k(volatile float* y) {\nint t = threadIdx.x; float s = 0;\n'
            f"while (y[0] < 1e9f) {body}\n}}")  # fmt: skip
    kernel, y = sim.RawKernel(code, "k"), sim.zeros(64, np.float32)
    began = time.perf_counter()
    with sim.config(check=check, timeout=0.3), pytest.raises(sim.KernelError) as caught:
        kernel((1,), (64,), (y,))
    assert time.perf_counter() - began < 10
    assert [f.kind for f in caught.value.findings if f.kind == "time limit"] == ["time limit"]
    assert caught.value.findings[0].line == 3


def test_a_fault_in_python_itself_is_still_pythons():
    program = "import numpy as np\nfrom mlstack_lib import sim\n" + textwrap.dedent("""
        k = sim.RawKernel('extern "C" __global__ void k(float* y) { y[threadIdx.x] = 1; }', "k")
        k((1,), (32,), (sim.zeros(32, np.float32),))
        import ctypes
        ctypes.string_at(0)
    """)
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", program], capture_output=True, text=True
    )
    assert done.returncode == -signal.SIGSEGV
    assert "Segmentation fault" in done.stderr


# ---- the cache ----


def test_what_was_compiled_is_found_again(monkeypatch, tmp_path):
    monkeypatch.setenv("MLSTACK_DATA", str(tmp_path))
    monkeypatch.setattr(build, "runtime_library", build.runtime_library.__wrapped__)
    calls = []
    run = build._run
    monkeypatch.setattr(build, "_run", lambda *a: calls.append(a) or run(*a))
    code = 'extern "C" __global__ void k(float* y) { y[0] = 1; }'
    module = sim.RawModule(code)
    folders = {build.kernel_library(module.source, ["k"], find(), True, []) for _ in range(2)}
    assert len(folders) == 1
    count = len(calls)
    assert count == 4  # compile and link, the runtime and the kernel
    build.kernel_library(module.source, ["k"], find(), False, [])
    build.kernel_library(module.source, ["k"], find(), True, ["-DX=1"])
    build.kernel_library(sim.RawModule(code + " ").source, ["k"], find(), True, [])
    assert len(calls) == count + 6
    assert not list(tmp_path.rglob("*.tmp"))


def test_the_cache_may_move_while_python_runs(monkeypatch, tmp_path, compiler):
    for name in ("first", "second"):
        monkeypatch.setenv("MLSTACK_DATA", str(tmp_path / name))
        kernel = sim.RawKernel(f'extern "C" __global__ void {name}(float* y) {{ y[0] = 1; }}', name)
        y = sim.empty(1, np.float32)
        kernel((1,), (1,), (y,))
        assert sim.asnumpy(y)[0] == 1
        assert list((tmp_path / name / "simulator" / "kernels").iterdir())


def test_old_kernels_are_forgotten(monkeypatch, tmp_path):
    monkeypatch.setenv("MLSTACK_DATA", str(tmp_path))
    monkeypatch.setattr(build, "KEPT", 3)
    for i in range(5):
        build._kept("kernels", f"{i}", lambda folder: (folder / "x").write_text(""))
        time.sleep(0.02)
    assert sorted(p.name for p in (tmp_path / "simulator" / "kernels").iterdir()) == ["2", "3", "4"]


def test_a_folder_that_cannot_be_written_is_named(monkeypatch, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv("MLSTACK_DATA", str(file))
    with pytest.raises(CouldNotFinish, match="MLSTACK_DATA"):
        build.kernel_library(
            sim.RawModule('extern "C" __global__ void k() { }').source, ["k"], find(), True, []
        )


def test_a_failed_compilation_leaves_nothing_behind(monkeypatch, tmp_path):
    monkeypatch.setenv("MLSTACK_DATA", str(tmp_path))
    source = sim.RawModule('extern "C" __global__ void k() { error }').source
    with pytest.raises(sim.CompileError):
        build.kernel_library(source, ["k"], find(), True, [])
    assert list((tmp_path / "simulator" / "kernels").iterdir()) == []
