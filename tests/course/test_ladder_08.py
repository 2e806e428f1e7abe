"""The ladders of chapter 08, at small sizes: the simulator stands in for CuPy."""

from types import SimpleNamespace

import pytest

from mlstack_lib import sim
from mlstack_lib.course.exercises import ladder_08

torch = pytest.importorskip("torch", reason="the `test` extra brings PyTorch, the referee")
SIZES = {"threads": 9000, "shapes": (300, 97), "transpose": 70, "sum": 5001}


@pytest.fixture(scope="module")
def ladders():
    device = SimpleNamespace(attributes={"MultiProcessorCount": 2})
    calls = {name: getattr(sim, name) for name in ("asarray", "asnumpy", "empty", "zeros")}
    library = SimpleNamespace(cuda=SimpleNamespace(Device=lambda: device), **calls)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ladder_08, "SIZES", SIZES)
        yield {ladder.name: ladder for ladder in ladder_08.ladders(library, torch)}


@pytest.mark.parametrize("name", SIZES)
def test_every_rung_is_right(ladders, name):
    ladder = ladders[name]
    for rung in ladder.rungs:
        assert not rung.error() <= ladder.tolerance, "the result is there before the run"
        rung.run()
        assert rung.error() <= ladder.tolerance, rung.name
