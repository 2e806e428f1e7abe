"""Every WGSL kernel, with all constants that launchers give it, is also what Tint (Chrome) takes.

naga, which `webgpu` compiles with, looks neither for barriers in branches nor for too much memory.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlstack_lib import kernels
from mlstack_lib.conformance.running import launches_of, trials
from mlstack_lib.devices.webgpu import Device

HERE = Path(__file__).parent
# where Debian and Google put Chromium's own Vulkan driver, which computes on the processor
DRIVERS = [
    Path(folder) / "vk_swiftshader_icd.json"
    for folder in ("/usr/lib/chromium", "/usr/lib/chromium-browser", "/opt/google/chrome")
]
BROKEN = """struct Params { n: u32 }
@group(0) @binding(0) var<storage, read_write> y: array<f32>;
@group(0) @binding(1) var<uniform> p: Params;
@compute @workgroup_size(64)
fn broken(@builtin(local_invocation_index) thread: u32) {
    if (thread >= p.n) { return; }
    workgroupBarrier();
    y[thread] = 1.0;
}
"""


def texts() -> list[list[str]]:
    """What each text is, the text, and its file's name: each kernel with each set of constants."""
    limits = (Device.shared_memory, Device.largest_block)
    launches = {
        (launch.name, launch.constants + ((("SHARED", launch.shared // 4),) * bool(launch.shared)))
        for trial in trials()
        for launch in launches_of(trial, *limits)
    }
    return [
        [f"{name} {given}", kernels.assemble(name, ".wgsl", dict(given)), f"{name}.wgsl"]
        for name, given in sorted(launches)
    ]


def compiled(tasks: list[list[str]], environment: dict[str, str]):
    done = subprocess.run(
        [sys.executable, str(HERE / "compile_with_tint.py")],
        input=json.dumps(tasks),
        capture_output=True,
        text=True,
        env=os.environ | environment,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def with_tint():
    """with_tint(tasks): what Tint finds wrong, on the first driver that Dawn accepts."""
    if importlib.util.find_spec("wgpudawn") is None:
        pytest.skip("Tint: wgpudawn is not installed (it is in the `test` extra)")
    tries = [{}] + [{"VK_ICD_FILENAMES": str(file)} for file in DRIVERS if file.is_file()]
    for environment in tries:
        if not isinstance(compiled([], environment), str):
            return lambda tasks: compiled(tasks, environment)
    pytest.skip("Tint: Dawn accepts no adapter of this machine; Chromium brings one")


def test_every_kernel_compiles_with_all_its_constants(with_tint):
    tasks = texts()
    files = kernels.PACKAGED.glob("*.wgsl")
    assert {name for _, _, name in tasks} == {
        file.name for file in files if file.with_suffix(".cu").is_file()
    }
    assert with_tint(tasks) == []


def test_a_barrier_that_not_all_threads_reach_is_found(with_tint):
    found = with_tint([["broken", BROKEN, "broken.wgsl"]])
    assert len(found) == 1
    assert "'workgroupBarrier' must only be called from uniform control flow" in found[0]


def test_more_workgroup_memory_than_webgpu_promises_is_found(with_tint):
    text = BROKEN.replace("if (thread >= p.n) { return; }", "big[thread] = 1.0;")
    found = with_tint([["big", text + "var<workgroup> big: array<f32, 4097>;", "big.wgsl"]])
    assert len(found) == 1
    assert "workgroup storage (16400 bytes) is larger than the maximum" in found[0]
