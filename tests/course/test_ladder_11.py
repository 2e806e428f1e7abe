"""The ladders of chapter 11, at small sizes: the simulator stands in for CuPy."""

from math import prod
from types import SimpleNamespace

import numpy as np
import pytest

from mlstack_lib import sim
from mlstack_lib.course.exercises import ladder_11, ladder_11_update
from mlstack_lib.course.exercises.launches_11 import tensor_sizes
from mlstack_lib.gpt import GPT, GPTConfig

torch = pytest.importorskip("torch", reason="the `test` extra brings PyTorch, the referee")
SIZES = {"softmax": (5, 516), "softmax_long": (2, 9000), "cross_entropy": (9, 516)}
MODELS = {"12m": GPTConfig(65, context=8, n_layer=1, n_head=1, n_embd=32)}
NAMES = [*SIZES, "launches", "adamw_12m", "clip_12m"]


@pytest.fixture(scope="module")
def ladders():
    device = SimpleNamespace(attributes={"MultiProcessorCount": 2})
    calls = {name: getattr(sim, name) for name in ("asarray", "asnumpy", "empty", "zeros")}
    library = SimpleNamespace(cuda=SimpleNamespace(Device=lambda: device), **calls)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ladder_11, "SIZES", SIZES)
        patch.setattr(ladder_11, "MODELS", MODELS)
        patch.setattr(ladder_11_update, "PLACES", 512)
        for module in (ladder_11, ladder_11_update):
            patch.setattr(module, "as_graph", run_warmed)
        yield {ladder.name: ladder for ladder in ladder_11.ladders(library, torch)}


def run_warmed(cupy, run, warm):
    """Stands for a graph: the simulator has none."""
    warm()
    return run


@pytest.mark.parametrize("name", NAMES)
def test_every_rung_is_right(ladders, name):
    assert list(ladders) == NAMES
    ladder = ladders[name]
    with sim.config(check=False):
        for rung in ladder.rungs:
            assert not rung.error() <= ladder.tolerance, "the result is there before the run"
            rung.run()
            assert rung.error() <= ladder.tolerance, rung.name


@pytest.mark.parametrize("layers", [1, 2])
def test_the_sizes_of_a_models_tensors_are_those_it_has(layers):
    config = GPTConfig(65, context=8, n_layer=layers, n_head=1, n_embd=32)
    had = [prod(t.shape) for t in GPT(config, rng=np.random.default_rng(0)).parameters()]
    assert tensor_sizes(65, 8, layers, 32) == had


def test_a_split_names_every_kernel_of_a_step_with_its_launches():
    with sim.config(check=False):
        step = ladder_11.splits("cuda-sim", "tiny", batch=2)["step"]
    kernels = {row["name"]: row for row in step["kernels"]}
    assert {"matmul", "attention_forward", "cross_entropy_with_gradient", "adamw"} <= set(kernels)
    assert kernels["adamw"]["launches"] == kernels["clip_coefficient"]["launches"] == 1
    assert kernels["attention_forward"]["launches"] == 2  # one a layer
    assert min(row["us"] for row in step["kernels"]) > 0
    assert step["graph_us"] > kernels["matmul"]["us"]
