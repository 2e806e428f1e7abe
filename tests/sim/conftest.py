"""A cache of their own for the simulator's tests, shared by all, and the compilers that are here."""

import pytest

from mlstack_lib import sim


@pytest.fixture(scope="session")
def simulator_cache(tmp_path_factory):
    """The runtime and kernels are compiled once a session, not once a test."""
    return tmp_path_factory.mktemp("simulator")


@pytest.fixture(autouse=True)
def own_cache_folder(simulator_cache, monkeypatch):
    """Nothing that a test does reaches the cache in the home folder."""
    monkeypatch.setenv("MLSTACK_DATA", str(simulator_cache))


@pytest.fixture(params=sim.available())
def compiler(request):
    """Launches are built by each compiler that is here in turn."""
    with sim.config(compiler=request.param):
        yield request.param
