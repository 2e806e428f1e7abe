"""The ladders of chapter 09, at small sizes: the simulator stands in for CuPy."""

import pytest

from mlstack_lib import sim
from mlstack_lib.course.exercises import ladder_09

torch = pytest.importorskip("torch", reason="the `test` extra brings PyTorch, the referee")
SIZES = {"square": (136, 132, 32), "model": (136, 132, 24), "bf16": (136, 264, 136)}
NAMES = ["matmul", "model", "transposed", "bf16", "model_bf16"]


@pytest.fixture(scope="module")
def ladders():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ladder_09, "SIZES", SIZES)
        yield {ladder.name: ladder for ladder in ladder_09.ladders(sim, torch)}


@pytest.mark.parametrize("name", NAMES)
def test_every_rung_gives_the_product(ladders, name):
    assert list(ladders) == NAMES
    ladder = ladders[name]
    with sim.config(check=False):
        for rung in ladder.rungs:
            assert not rung.error() <= ladder.tolerance, "the result of the rung before is left"
            rung.run()
            assert rung.error() <= ladder.tolerance, rung.name
