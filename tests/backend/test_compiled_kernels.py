"""Every packaged kernel as NVRTC compiles it for a GPU, which need not be there: no spills.

The constants are those of the launches that the conformance cases make, of training and writing
with the presets for a GPU, and of GPT-2's width and vocabulary, found by a device that only notes
them. `-s` prints what each takes.
"""

import sys
from functools import cache
from types import ModuleType

import numpy as np
import pytest
from nvrtc import Nvrtc, Usage

import mlstack_lib as ml
from mlstack_lib import devices, kernels
from mlstack_lib.conformance.dry import DryDevice, Launch
from mlstack_lib.conformance.running import Trial, launches_of, trials
from mlstack_lib.generate import generate
from mlstack_lib.optim import AdamW
from mlstack_lib.presets import preset

ARCHS = ["sm_80", "sm_90"]
VOCABULARIES = {"12m": 4096, "shakespeare-char": 65}
GPT2 = [
    *(Trial(label, (2, 768)) for label in ("layernorm_forward", "residual_layernorm_backward")),
    Trial("cross_entropy_with_gradient", (2, 50257)),
]
# Bytes of registers that do not fit and are kept in memory; each a thing to be done better. They
# depend on the compiler: the most that any of 13.0.48, 13.1.115, 13.2.86, 13.3.33, 13.4.92 and
# 13.5.37 gave.
SPILLS = {
    ("cross_entropy_with_gradient", ("PER_THREAD", 50)): 16,
    ("matmul", ("TRANS_A", 1)): 20,
}
NAMES = sorted(
    path.stem for path in kernels.PACKAGED.glob("*.cu") if not path.stem.endswith("_bf16")
)  # no preset launches bf16 yet
SHARED_MOST = {"sm_80": 163 << 10, "sm_90": 227 << 10}  # bytes a block may ask for
REGISTERS = 65536  # of a multiprocessor


@pytest.fixture(scope="session")
def nvrtc():
    """NVIDIA's compiler."""
    try:
        return Nvrtc()
    except LookupError as error:
        pytest.skip(str(error))


@cache
def launches_of_preset(name: str, arch: str) -> tuple[Launch, ...]:
    """The launches of a training step, a look at the loss, and two tokens, by a dry run."""
    device = f"dry_{arch}_{name.replace('-', '_')}"
    module = ModuleType(f"mlstack_lib.devices.{device}")
    dev, names = DryDevice(SHARED_MOST[arch]), [*devices.NAMES, device]
    module.Device, dev.name = lambda: dev, device
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, module.__name__, module)
        patch.setattr(devices, "NAMES", names)
        recipe = preset(name)
        shape = recipe.model(VOCABULARIES[name])
        model = ml.GPT(shape, rng=np.random.default_rng(0), device=device)
        optimizer = AdamW(model, max_norm=1.0)
        idx = dev.upload(np.zeros((recipe.batch, recipe.context), np.int32))
        order = dev.upload(np.zeros(recipe.batch * recipe.context, np.int32))
        for _ in range(2):  # the second gradient goes on top of the first
            model.loss(idx, idx, order=order).backward()
        optimizer.update()
        with ml.no_grad():
            model.eval().loss(idx, idx)
        list(generate(model, [1, 2], rng=np.random.default_rng(0), tokens=2))
        return tuple(dev.noted)


@cache
def all_launches(arch: str) -> list[Launch]:
    """All launches that the tests know of."""
    chosen = trials() + GPT2
    found = [launch for trial in chosen for launch in launches_of(trial, SHARED_MOST[arch])]
    return found + [launch for name in VOCABULARIES for launch in launches_of_preset(name, arch)]


def of_kernel(name: str, arch: str) -> dict[tuple, Launch]:
    """By constants, the launch of a kernel that asks for most shared memory."""
    found: dict[tuple, Launch] = {}
    for launch in sorted(all_launches(arch), key=lambda launch: launch.shared):
        if launch.name == name:
            found[launch.constants] = launch
    return found


def usage(nvrtc, name: str, constants: tuple, arch: str) -> Usage:
    return nvrtc.usage(kernels.assemble(name, ".cu", dict(constants)), arch)


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("name", NAMES)
def test_a_kernel_compiles_without_spills_and_its_launches_fit(name, arch, nvrtc, tally):
    launches = of_kernel(name, arch)
    assert launches, f"no launch of {name} is known"
    for constants, launch in launches.items():
        used = usage(nvrtc, name, constants, arch)
        values = ", ".join(f"{key} {value}" for key, value in constants)
        print(
            f"{arch} {name} ({values}): {used.registers} registers, {used.shared} + "
            f"{launch.shared} bytes of shared memory, {used.stack} of stack, {used.spilled} spilled"
        )
        known = max((SPILLS.get((name, constant), 0) for constant in constants), default=0)
        assert max(used.stack, used.spilled) <= known, values
        assert used.registers * np.prod(launch.block) <= REGISTERS, values
        assert used.shared + launch.shared <= SHARED_MOST[arch], values
        assert used.shared <= 48 << 10, values
        tally(f"kernels compiled for {arch}")


@pytest.mark.parametrize("preset_name", VOCABULARIES)
def test_training_with_a_preset_launches_packaged_kernels_only(preset_name):
    launched = {launch.name for launch in launches_of_preset(preset_name, "sm_90")}
    assert launched <= set(NAMES)
    assert {"adamw", "attention_backward_q", "attention_cached", "matmul"} <= launched
    assert ("dropout" in launched) == (preset(preset_name).dropout > 0)
