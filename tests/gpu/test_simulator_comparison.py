"""The command that compares the simulator with a GPU works; its record is of today's kernels."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import judging
import pytest
import sanitizer
from compare_simulator import BEGIN, END, README, RECORDED, as_text, with_table
from launches import launches

from mlstack_lib import sim

HERE = Path(__file__).parent
NOT_RUN = "Not run on a GPU yet."  # what the README says until then

# ---- what was recorded ----


@pytest.fixture
def record():
    if not RECORDED.is_file():
        pytest.skip("not recorded yet: no GPU has run compare_simulator.py")
    return json.loads(RECORDED.read_text(encoding="utf-8"))


def test_the_record_is_of_todays_launches_all_of_them(record):
    recorded = {entry["name"]: entry["digest"] for entry in record["launches"]}
    assert recorded == {launch.name: launch.digest for launch in launches()}


def test_every_launch_was_run_on_the_gpu(record):
    for entry in record["launches"]:
        assert entry["gpu"]["outcome"], entry["name"]


def test_the_verdicts_are_those_of_the_record(record):
    for entry in record["launches"]:
        assert (entry["agree"], entry["why"]) == judging.judge(entry), entry["name"]


def test_right_kernels_give_the_same_on_both(record):
    for entry in record["launches"]:
        if entry["right"]:
            assert entry["results"], entry["name"]
            assert not any(text.startswith("differs") for text in entry["results"]), entry["name"]


def test_the_readme_says_what_was_recorded():
    readme = README.read_text(encoding="utf-8")
    if RECORDED.is_file():
        assert with_table(readme, json.loads(RECORDED.read_text(encoding="utf-8"))) == readme
    else:
        assert f"{BEGIN}\n{NOT_RUN}\n{END}" in readme


def test_each_launch_has_a_name_of_its_own():
    assert len({launch.name for launch in launches()}) == len(launches())


# ---- compute-sanitizer's output ----

OUTPUT = """========= COMPUTE-SANITIZER
printed by the kernel
========= Invalid __global__ read of size 4 bytes
=========     at k(const float *, float *)+0x110 in kernel.cu:2
=========     by thread (63,0,0) in block (0,0,0)
=========     Access at 0x7f2000000100 is out of bounds
=========         Device Frame: k(const float *, float *)+0x90 in kernel.cu:7
=========
========= Error: Race reported between Write access at k(float *)+0x90 in kernel.cu:3
=========     and Read access at k(float *)+0xa0 in kernel.cu:4 [2048 hazards]
=========
========= Info: Race reported between Write access at k(float *)+0x90 in kernel.cu:5
=========     and Write access at k(float *)+0x90 in kernel.cu:5 [64 hazards]
=========
========= Barrier error detected. Divergent thread(s) in block.
=========     at k(float *)+0xb0 in /tmp/x/kernel.cu:8
=========     by thread (0,0,0) in block (0,0,0)
=========
========= Barrier error detected. Divergent thread(s) in block.
=========     at k(float *)+0xb0 in /tmp/x/kernel.cu:8
=========     by thread (1,0,0) in block (0,0,0)
=========
========= Uninitialized __shared__ memory read of size 4 bytes
=========     at helper(float *)+0x200 in mma.cuh:112
=========     by thread (1,0,0) in block (0,0,0)
=========
========= Program hit cudaErrorLaunchFailure (error 719) due to "unspecified launch failure"
=========     Saved host backtrace up to driver entry point at error
========= Target application returned an error
========= ERROR SUMMARY: 6 errors
========= RACECHECK SUMMARY: 2 hazards displayed (1 error, 0 warnings)
"""


def test_the_output_is_read():
    found = [(report.what, report.lines, report.count) for report in sanitizer.read(OUTPUT)]
    assert found == [
        ("Invalid __global__ read of size 4 bytes", [2, 7], 1),
        ("Error: Race reported between Write", [3, 4], 1),
        ("Info: Race reported between Write", [5], 1),
        ("Barrier error detected. Divergent thread(s) in block", [8], 2),
        ("Uninitialized __shared__ memory read of size 4 bytes", [], 1),
    ]
    assert sanitizer.read("========= COMPUTE-SANITIZER\n========= ERROR SUMMARY: 0 errors\n") == []


def test_only_options_that_are_known_are_given():
    words = sanitizer.command("cs", "initcheck", "--print-limit N\n--initcheck-address-space {all}")
    assert words == ["cs", "--tool", "initcheck", "--print-limit", "20",
                     "--initcheck-address-space", "all"]  # fmt: skip


# ---- the command, with stand-ins for CuPy and compute-sanitizer ----

CUPY = """
from mlstack_lib.sim import RawModule, asarray, asnumpy, config
config(timeout=100).__enter__()  # a GPU has no time limit
__version__ = "0"
class cuda:
    set_allocator = staticmethod(lambda allocator: None)
    class runtime:
        deviceSynchronize = staticmethod(lambda: None)
        runtimeGetVersion = staticmethod(lambda: 13000)
    class nvrtc:
        getVersion = staticmethod(lambda: (13, 0))
"""
SANITIZER = """#!{python}
import pathlib, re, subprocess, sys
words = sys.argv[1:]
if "--version" in words:
    sys.exit(print("Version 1.2.3"))
if "--help" in words:
    sys.exit(print("--print-limit arg"))
assert words[2:4] == ["--print-limit", "20"]
status = subprocess.run(words[4:]).returncode
print("========= COMPUTE-SANITIZER")
error = pathlib.Path(words[-1], "error")
if words[1] == "memcheck" and error.is_file() and "range" in error.read_text():
    line = re.search(r"line (\\d+)", error.read_text())[1]
    print("========= Invalid __global__ read of size 4 bytes")
    print("=========     at k(float *)+0x110 in kernel.cu:" + line)
sys.exit(status)
"""


@pytest.fixture
def stand_ins(tmp_path):
    """The environment in which `compute-sanitizer` and `import cupy` find them."""
    (tmp_path / "cupy.py").write_text(CUPY)
    program = tmp_path / "compute-sanitizer"
    program.write_text(SANITIZER.replace("{python}", sys.executable))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    sim.RawKernel('extern "C" __global__ void k() { }', "k").compile()  # the runtime, once
    path = os.pathsep.join([str(tmp_path), str(HERE.parents[1])])
    return {**os.environ, "PYTHONPATH": path,
            "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}  # fmt: skip


def compare(stand_ins, out, only, *more):
    words = [sys.executable, str(HERE / "compare_simulator.py"), "--out", str(out), "--only", only]
    done = subprocess.run([*words, *more], env=stand_ins, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads((out / "simulator_h100.json").read_text()), done.stdout


def test_the_command_compares_what_both_sides_find(stand_ins, tmp_path):
    record, printed = compare(stand_ins, tmp_path / "out", "tree, (right|full)|_tree:(9|10) ")
    entries = {entry["name"]: entry for entry in record["launches"]}
    right, full = entries["tree, right"], entries["reduce_tree, full size"]
    assert (right["agree"], right["why"]) == (True, "bit for bit")
    assert set(right["gpu"]) == {"outcome", *sanitizer.TOOLS}
    assert (full["agree"], full["why"], set(full["gpu"])) == (True, "bit for bit", {"outcome"})
    looser = entries["reduce_tree:9 with i <= n"]
    assert (looser["agree"], looser["why"]) == (True, "memcheck: the same line")
    assert looser["gpu"]["racecheck"]["findings"] == []
    race = entries["reduce_tree:10 without __syncthreads();"]
    assert race["why"] == "the GPU ends the launch, no tool says where"
    assert "| right kernels | 2 | 2 | - |" in printed
    assert record["about"]["sanitizer"] == "Version 1.2.3"
    assert "CUDA runtime 13.0" in record["about"]["versions"]


def test_a_launch_that_hangs_is_ended_and_called_so(stand_ins, tmp_path):
    record, _ = compare(
        stand_ins, tmp_path / "out", "endless loop$", "--seconds", "3", "--workers", "5"
    )
    assert [entry["gpu"]["outcome"] for entry in record["launches"]] == ["hangs"]
    assert record["launches"][0]["why"] == "the GPU hangs, no tool says why"


def test_what_there_was_no_time_for_is_named(stand_ins, tmp_path):
    record, _ = compare(stand_ins, tmp_path / "out", "two writers", "--minutes", "0")
    (entry,) = record["launches"]
    assert entry["gpu"]["outcome"].startswith("not run")
    assert not entry["agree"]


def test_the_table_goes_between_its_marks(stand_ins, tmp_path):
    record, _ = compare(stand_ins, tmp_path / "out", "two writers")
    text = with_table(f"above\n{BEGIN}\nold\n<!-- end -->\nbelow\n", record)
    assert text.startswith(f"above\n{BEGIN}\n")
    assert text.endswith("\n<!-- end -->\nbelow\n")
    assert "| race | 1 | 1 | the launch fails 1 |" in text
    assert json.loads(as_text(record)) == record
