"""The ladders of chapter 10, at small sizes: the simulator stands in for CuPy."""

import pytest

from mlstack_lib import sim
from mlstack_lib.course.exercises import ladder_10

torch = pytest.importorskip("torch", reason="the `test` extra brings PyTorch, the referee")
NAMES = ["forward", "residual", "bf16", "backward", "backward_bf16"]


@pytest.fixture(scope="module")
def ladders():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ladder_10, "SIZE", (133, 132))
        patch.setattr(ladder_10, "BLOCKS", (2, 5))
        yield {ladder.name: ladder for ladder in ladder_10.ladders(sim, torch)}


@pytest.mark.parametrize("name", NAMES)
def test_every_rung_is_right(ladders, name):
    assert list(ladders) == NAMES
    ladder = ladders[name]
    with sim.config(check=False):
        for rung in ladder.rungs:
            assert not rung.error() <= ladder.tolerance, "the result is there before the run"
            rung.run()
            assert rung.error() <= ladder.tolerance, rung.name
