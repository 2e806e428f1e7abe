"""`mlstack bench --device cuda` on a stand-in for CuPy: its logic, not its times."""

import sys
import time

import cupy_stand_in
import pytest

from mlstack_lib import backend, sim
from mlstack_lib.backend import ELSEWHERE
from mlstack_lib.bench import clock, ours, problems, side
from mlstack_lib.devices import device
from mlstack_lib.errors import CouldNotFinish
from mlstack_lib.launchers import cublaslt

SIM = device("cuda-sim").missing()
pytestmark = pytest.mark.skipif(SIM is not None, reason=f"device cuda-sim: {SIM}")
NO_LIBRARY = "no cuBLASLt here"
TINY = {"on": "cuda", "name": "tiny", "batch": 1}


@pytest.fixture(scope="module", autouse=True)
def stand_in(tmp_path_factory):
    """The device `cuda`, of this process, on a stand-in for CuPy; few and small samples."""

    def forget() -> None:
        for name in ("_kernels", "state"):
            vars(device("cuda")).pop(name, None)
        backend._constant.cache_clear()

    def no_library():
        raise CouldNotFinish(NO_LIBRARY)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLSTACK_DATA", str(tmp_path_factory.mktemp("simulator")))
        patch.setitem(sys.modules, "cupy", cupy_stand_in.library())
        patch.setattr(problems, "LARGE", problems.SMALL)
        patch.setattr(problems, "STEPS", {"cuda": (("tiny", 8),)})
        patch.setattr(ours, "READ_EVERY", 2)
        patch.setattr(ours, "LEAD", 16)
        patch.setattr(ours, "REPEATS", 2)
        patch.setattr(clock, "SAMPLES", 3)
        patch.setattr(clock, "SAMPLE_SECONDS", 1e-9)
        patch.setattr(cublaslt, "_library", no_library)
        forget()
        with sim.config(check=False):
            yield
        forget()


@pytest.fixture(autouse=True)
def own_cache_folder():
    """Not one for each test: the compiled kernels are in `stand_in`."""


def test_a_step_is_replayed_as_a_graph_and_computes_what_the_processor_does():
    found = side.measure("ours", "step", **TINY, matmul="kernel")
    want = side.measure("ours", "step", **TINY | {"on": "cpu"}, matmul="kernel")
    assert found["loss"] == pytest.approx(want["loss"], rel=1e-5)
    (graph, launched) = device("cuda")._graphs["update"]
    # one chunk before the samples and three to warm up, a trial, three samples, of two updates
    # each; the first of all runs as it is, the second is recorded and then launched
    assert graph.runs == 2 * (1 + clock.WARM + 1 + clock.SAMPLES) - 1
    assert launched["adamw"] == 1
    assert found["tokens"] == 32


def test_a_step_is_divided_among_the_kernels_that_it_launches():
    found = side.measure("ours", "kernels", **TINY)
    rows = {row["name"]: row for row in found["rows"]}
    assert found["clock"] == "device events"
    # every launch of the stand-in takes three milliseconds; products queued ahead are not counted
    for row in rows.values():
        assert row["seconds"] == pytest.approx(row["launches"] * 3e-3), row["name"]
    assert rows["adamw"]["launches"] == 1
    assert rows["attention_forward"]["launches"] == 2
    assert [row["seconds"] for row in found["rows"]] == sorted(
        (row["seconds"] for row in rows.values()), reverse=True
    )
    assert rows["attention_delta"]["operations"] == 0
    assert found["product_by"] == "kernel"
    assert found["copy_rate"] > 0


def test_products_are_right_in_every_form_and_a_library_that_is_not_there_is_named():
    found = side.measure("ours", "products", on="cuda", matmul="kernel")
    assert [tuple(row[key] for key in ("form", "m", "n", "k")) for row in found["rows"]] == (
        problems.SMALL.products()
    )
    # sums of at most 160 terms in f32
    assert all(row["error"] < 160 * 2.0**-24 for row in found["rows"])
    found = side.measure("ours", "products", on="cuda", matmul="library")
    assert found == {"missing": NO_LIBRARY}


def test_products_of_the_library_are_those_that_are_measured(monkeypatch):
    asked = []

    def overrides(tf32):
        def product(a, b):
            asked.append(tf32)
            return ELSEWHERE["matmul"](a, b)

        return {"matmul": product}

    monkeypatch.setattr(cublaslt, "overrides", overrides)
    monkeypatch.setattr(problems.Sizes, "products", lambda self: [("NN", 8, 12, 16)])
    for choice, tf32 in (("library", False), ("library-tf32", True)):
        (row,) = side.measure("ours", "products", on="cuda", matmul=choice)["rows"]
        assert row["error"] < 16 * 2.0**-24
        assert set(asked) == {tf32}
        asked.clear()


def test_attention_is_timed_whole_and_kernel_by_kernel():
    found = side.measure("ours", "attention", on="cuda")
    rows = {row["name"]: row for row in found["rows"]}
    assert list(rows) == [
        "forward", "backward", "attention_forward", "attention_delta", "attention_backward_kv",
        "attention_backward_q",
    ]  # fmt: skip
    # 32 keys, 16 numbers a head: sums of some tens of terms after an exp
    assert rows["forward"]["error"] < 64 * 2.0**-24
    assert rows["backward"]["error"] < 64 * 2.0**-24
    assert all(rows[name]["seconds"] == pytest.approx(3e-3) for name in list(rows)[2:])


def test_work_queued_ahead_lasts_longer_than_the_launches_take_python(monkeypatch):
    dev, counted = device("cuda"), []
    lead = ours.Lead(dev, lambda: time.sleep(0.05))
    one = clock.sample(lead._launch, dev.synchronize)["least"]
    assert lead.count * one >= 0.05 / 4  # another sample of the same product: within a factor of 6
    monkeypatch.setattr(ours.Lead, "_launch", lambda self: counted.append(1))
    lead.run()
    assert len(counted) == lead.count > 0
    assert ours.Lead(device("cuda-sim"), None).count == 0
