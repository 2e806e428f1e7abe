"""What a device cannot do is said in one message, by the command line too.

`cuda` runs here on a stand-in for CuPy, see there.
"""

import sys

import cupy_stand_in
import numpy as np
import pytest
from runs import losses

from mlstack_lib import cli, kernels, sim
from mlstack_lib.backend import ELSEWHERE, OPERATIONS
from mlstack_lib.conformance import matrix, uses
from mlstack_lib.conformance.running import Trial
from mlstack_lib.devices import cuda, cuda_sim, device
from mlstack_lib.errors import BadInput, CouldNotFinish

SIM = "cuda-sim"

pytestmark = pytest.mark.skipif(
    device(SIM).missing() is not None, reason=f"device {SIM}: {device(SIM).missing()}"
)


@pytest.fixture(scope="module", autouse=True)
def compiled_once(tmp_path_factory):
    """The simulator's libraries of all these tests in one folder of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLSTACK_DATA", str(tmp_path_factory.mktemp("simulator")))
        yield


@pytest.fixture(autouse=True)
def own_cache_folder():
    """Not one for each test: the libraries are in `compiled_once`."""


# ---- out of memory ----


@pytest.fixture
def little_memory(monkeypatch):
    """little_memory(nbytes): the simulator gives arrays of fewer bytes than that."""

    real, most = sim.empty, [0]

    def empty(size, dtype):
        if size >= most[0]:
            raise CouldNotFinish(f"no more than {most[0]:,} bytes")
        return real(size, dtype)

    def limit(nbytes: int) -> None:
        most[0] = nbytes
        monkeypatch.setattr(sim, "empty", empty)

    yield limit
    device(SIM).forget_steps()


def test_out_of_memory_says_how_much_and_for_what(little_memory):
    dev = cuda_sim.Device()
    x = dev.upload(np.zeros((64, 100), np.float32))
    little_memory(20_000)
    with dev.step("a"):
        dev.empty((10,), np.float32)
        dev.serving = "gelu_forward"  # as `backend` says it
        with pytest.raises(CouldNotFinish) as caught:
            ELSEWHERE["gelu_forward"](x)
        dev.empty((10,), np.float32)  # the device lives on
    assert str(caught.value) == (
        "device cuda-sim has no room for an array (64, 100) of 25,600 bytes, for gelu_forward, "
        "beside 40 bytes of the steps so far (no more than 20,000 bytes): a smaller batch, context "
        "or model?"
    )


def test_a_run_that_is_out_of_memory_ends_in_a_line_and_can_go_on(
    little_memory, arguments, tmp_path, capfd
):
    words = ["train", *arguments(device=SIM, steps=2, eval_every=2), "--out", str(tmp_path / "a")]
    little_memory(60_000)  # the logits take more, the parameters do not
    with sim.config(check=False):
        assert cli.main(words) == 1
        _, err = capfd.readouterr()
        assert "device cuda-sim has no room for an array (64, 270) of 69,120 bytes, for" in err
        assert "Traceback" not in err
        little_memory(1 << 40)
        assert cli.main(["train", "--resume", "--out", str(tmp_path / "a")]) == 0
    assert len(losses(tmp_path / "a")) == 2


# ---- CuPy's errors ----


@pytest.fixture
def stand_in(monkeypatch):
    """A device `cuda` on a stand-in for CuPy."""
    monkeypatch.setitem(sys.modules, "cupy", cupy_stand_in.library())
    return cuda.Device()


def test_launches_on_cuda_are_timed_by_events(stand_in):
    x = stand_in.upload(np.arange(5, dtype=np.float32))
    with uses.timed(stand_in):
        for _ in range(3):
            y = ELSEWHERE["gelu_forward"](x)
    want = OPERATIONS["gelu_forward"](np.arange(5, dtype=np.float64))
    # exp is right to 2 units in the last place, and some ten roundings come before and after it
    assert np.abs(stand_in.download(y) - want).max() <= 16 * 2.0**-24 * want.max()
    lines = uses.table(stand_in).splitlines()
    assert [line.split() for line in lines[:2]] == [
        ["kernel", "file", "used", "launches", "us"],
        ["gelu_forward", "packaged", "3", "3,000.0"],
    ]
    assert lines[2] == "us: the mean of a launch, by device events"


def test_a_text_that_nvrtc_refuses_is_bad_input_with_its_log(stand_in, tmp_path):
    text = (kernels.PACKAGED / "gelu_forward.cu").read_text()
    (tmp_path / "gelu_forward.cu").write_text(text.replace("gelu(x[i])", "gelo(x[i])"))
    x = stand_in.upload(np.zeros(5, np.float32))
    with kernels.folder_first(tmp_path), pytest.raises(BadInput) as caught:
        ELSEWHERE["gelu_forward"](x)
    assert str(caught.value).startswith(f"{tmp_path / 'gelu_forward.cu'} does not compile: ")
    assert "gelu_forward.cu line 6: 'gelo'" in str(caught.value)


def test_an_illegal_access_is_said_at_the_next_wait_with_the_kernels_launched(stand_in, tmp_path):
    text = (kernels.PACKAGED / "gelu_forward.cu").read_text()
    (tmp_path / "gelu_forward.cu").write_text(text.replace("y[i] =", "y[i + (1 << 20)] ="))
    x = stand_in.upload(np.zeros(5, np.float32))
    with kernels.folder_first(tmp_path):
        y = ELSEWHERE["gelu_forward"](x)
    for wait in (lambda: stand_in.download(y), stand_in.synchronize):
        with pytest.raises(CouldNotFinish) as caught:
            wait()
        assert str(caught.value).startswith(
            "device cuda: cudaErrorIllegalAddress: an illegal memory access; of the kernels "
            "launched, gelu_forward, one went wrong"
        )


def test_out_of_memory_on_cuda_says_how_much(stand_in):
    with pytest.raises(CouldNotFinish, match="an array .600000,. of 2,400,000 bytes, for the par"):
        stand_in.empty((600_000,), np.float32)


def test_the_most_bytes_held_at_a_time_are_counted(stand_in):
    a = stand_in.empty((1000,), np.float32)
    b = stand_in.empty((500,), np.float32)
    del a
    c = stand_in.empty((600,), np.float32)
    assert stand_in.most_held == 6000
    with stand_in.step("a step's buffers stay"):
        stand_in.empty((100,), np.float32)
    d = stand_in.empty((400,), np.float32)
    assert stand_in.most_held == b.size * 4 + c.size * 4 + d.size * 4 + 400


# ---- the table of kernels and devices ----


def test_the_table_has_each_kernels_worst_case_and_names_what_is_wrong(tmp_path):
    chosen = [Trial("add", (2, 31)), Trial("add", (31, 2)), Trial("scale", (2, 31))]
    right = matrix.measure(SIM, chosen)
    assert (right["add"].passed, right["scale"].passed, right["copy"].passed) == (2, 1, 0)
    assert 0 <= right["add"].error <= right["add"].tolerance < 1e-5
    (tmp_path / "scale.cu").write_text(
        (kernels.PACKAGED / "scale.cu").read_text().replace("y[i] = x[i] *", "y[i] = x[i] +")
    )
    with kernels.folder_first(tmp_path):
        wrong = matrix.measure(SIM, chosen)
    assert wrong["scale"].wrong.startswith("scale (2, 31): result 0: error")
    assert not wrong["add"].wrong
    rows = {line.split()[0]: line.split()[1:] for line in matrix.table({SIM: wrong}).splitlines()}
    assert rows["kernel"] == [SIM]
    assert rows["scale"] == ["wrong"]
    assert rows["copy"] == ["-"]
    assert rows["add"][1::2] == ["/", "(2)"]


def test_the_command_ends_with_1_for_a_wrong_kernel_and_names_absent_devices(
    monkeypatch, capfd, tmp_path
):
    monkeypatch.setattr(matrix, "trials", lambda: [Trial("add", (2, 31))])
    monkeypatch.setattr(device("cuda"), "missing", lambda: "no GPU")
    assert cli.main(["kernels"]) == 0
    out, _ = capfd.readouterr()
    assert out.endswith("cuda: not on this machine: no GPU\nall as the reference says\n")
    text = (kernels.PACKAGED / "add.cu").read_text()
    (tmp_path / "add.cu").write_text(text.replace("a[i] + b[i]", "a[i]"))
    with kernels.folder_first(tmp_path):
        assert cli.main(["kernels", "--device", SIM]) == 1
    assert "cuda-sim, add: add (2, 31): result 0: error" in capfd.readouterr().out
    assert cli.main(["kernels", "--device", "cuda"]) == 1
    assert capfd.readouterr().err == "mlstack: device cuda: no GPU\n"
    assert cli.main(["kernels", "--device", "cpu"]) == 2
    assert cli.main(["kernels", "--device", "cude"]) == 2
