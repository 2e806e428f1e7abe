"""Every rung of every ladder is right, in the simulator and at small sizes."""

from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

from mlstack_lib import sim
from mlstack_lib.course import exercises
from mlstack_lib.course.ladders import Ladder

MODULES = sorted(
    path.stem for folder in exercises.__path__ for path in Path(folder).glob("ladder_*.py")
)


@pytest.fixture
def library() -> SimpleNamespace:
    """CuPy, as far as ladders use it outside of kernels."""
    device = SimpleNamespace(attributes={"MultiProcessorCount": 2})
    calls = {name: getattr(sim, name) for name in ("asarray", "asnumpy", "empty", "zeros")}
    return SimpleNamespace(cuda=SimpleNamespace(Device=lambda: device), **calls)


@pytest.mark.parametrize("module", MODULES)
def test_every_rung_of_a_ladder_is_right(module, library):
    torch = pytest.importorskip("torch")
    found: list[Ladder] = import_module(f"{exercises.__name__}.{module}").ladders(
        library, torch, small=True
    )
    assert found
    for ladder in found:
        for rung in ladder.rungs:
            rung.run()
            error = float(rung.error())
            assert error <= ladder.tolerance, f"{ladder.name}, {rung.name}: error {error:.2g}"
