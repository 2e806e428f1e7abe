"""Every WGSL kernel, with all constants that launchers give it, is also what Tint (Chrome) takes.

naga, which `webgpu` compiles with, looks neither for barriers in branches nor for too much memory.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mlstack_lib import kernels
from mlstack_lib.array import Array
from mlstack_lib.backend import ELSEWHERE
from mlstack_lib.conformance.arguments import Random
from mlstack_lib.conformance.cases import CASES
from mlstack_lib.conformance.comparing import map_arrays, op_of
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


class Dry:
    """A device of WebGPU's sizes on which nothing happens but that launches are noted."""

    name, shared_memory, largest_block = "dry", Device.shared_memory, Device.largest_block

    def __init__(self):
        self.launched = {}

    def empty(self, shape, dtype):
        return Array(self, None, tuple(shape), np.dtype(dtype))

    def launch(self, name, grid, block, args, shared=0, **constants):
        constants |= {"SHARED": shared // 4} if shared else {}
        self.launched[name, tuple(constants.items())] = constants


def texts() -> list[list[str]]:
    """What each text is, the text, and its file's name: each kernel with each set of constants."""
    dry = Dry()
    for label, case in CASES.items():
        if op_of(label) not in ELSEWHERE:
            continue
        for size in case.sizes:
            given = case.make(Random(0), *size)
            given = map_arrays(lambda x: Array(dry, None, x.shape, np.dtype(np.float32)), given)
            ELSEWHERE[op_of(label)](**given)
    return [
        [f"{name} {given}", kernels.assemble(name, ".wgsl", constants), f"{name}.wgsl"]
        for (name, given), constants in dry.launched.items()
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
