"""`--kernels DIR`: the learner's files train, after a trial in a process of its own."""

import sys
from pathlib import Path

import numpy as np
import pytest
from runs import losses

from mlstack_lib import cli, kernels, report, sim
from mlstack_lib.conformance import trying, uses
from mlstack_lib.conformance.entry import check_entry, kind
from mlstack_lib.conformance.running import trials_by_kernel
from mlstack_lib.conformance.trying import try_out
from mlstack_lib.devices import device
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


@pytest.fixture
def mine(tmp_path):
    """mine(name, **changes): the folder with a packaged kernel's text, its parts replaced."""
    folder = tmp_path / "mine"
    folder.mkdir()

    def put(name: str, *changes: tuple[str, str], text: str | None = None) -> Path:
        text = (kernels.PACKAGED / f"{name}.cu").read_text() if text is None else text
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (folder / f"{name}.cu").write_text(text)
        return folder

    return put


@pytest.fixture
def run(arguments, tmp_path, capfd, monkeypatch):
    """run(name, folder): train a small model for four updates; (status, out, err)."""
    monkeypatch.setattr(report, "SAMPLE_TOKENS", 2)

    def train(name: str, folder: Path | None = None, **changes) -> tuple[int, str, str]:
        changes = {"device": SIM, "steps": 4, "eval_every": 4, **changes}
        words = ["train", *arguments(**changes), "--out", str(tmp_path / name)]
        words += ["--kernels", str(folder)] if folder else []
        capfd.readouterr()
        with sim.config(check=False):
            status = cli.main(words)
        return status, *capfd.readouterr()

    return train


def table_of(out: str) -> dict[str, list[str]]:
    """The table of kernels in a command's output: by name, the file and the last two columns."""
    lines = out[out.index("kernel  ") :].splitlines()[1:]
    rows = [line.split() for line in lines if not line.startswith(("us:", "never"))]
    return {row[0]: [" ".join(row[1:-2]), *row[-2:]] for row in rows}


# ---- the overlay ----


def test_a_run_ends_with_the_table_of_the_files_that_served(run, mine):
    folder = mine("gelu_backward")
    mine("add", text=f"// {kernels.STUB_MARKER}\n")
    mine("sgd")
    mine("add_v2", text="// another rung")
    status, out, err = run("a", folder)
    assert (status, "note:" in err) == (0, False)
    table = table_of(out)
    assert table["gelu_backward"][0] == str(folder / "gelu_backward.cu")
    assert table["add"][0] == "stub: packaged used"
    assert table["adamw"][:2] == ["packaged", "4"]
    assert all(float(us.replace(",", "")) > 0 for _, _, us in table.values())
    assert out.endswith(
        "us: the mean of a launch, by this machine's clock: the simulator's time, which says "
        "nothing about a GPU's\nnever launched: add_v2.cu, sgd.cu\n"
    )


def test_without_kernels_the_table_names_the_packaged_files_and_no_times(run):
    status, out, _ = run("a")
    assert status == 0
    assert {(file, us) for file, _, us in table_of(out).values()} == {("packaged", "-")}


def test_a_wrong_file_laid_over_is_noted_and_changes_the_loss(run, mine, tmp_path):
    folder = mine("linear_gelu_forward", *((f"gelu(v.{i})", f"v.{i}") for i in "xyzw"))
    assert run("right")[0] == 0
    status, _, err = run("wrong", folder)
    assert status == 0
    assert f"note: {folder / 'linear_gelu_forward.cu'}: not what the reference gives" in err
    right, wrong = losses(tmp_path / "right"), losses(tmp_path / "wrong")
    assert len(right) == len(wrong) == 4
    # devices agree within 1e-5, and two right files to the bit
    assert np.abs(np.array(wrong) / right - 1).max() > 1e-4


def test_a_right_file_laid_over_gives_the_same_losses_to_the_bit(run, mine, tmp_path):
    assert run("packaged")[0] == run("own", mine("linear_gelu_forward"))[0] == 0
    assert losses(tmp_path / "packaged") == losses(tmp_path / "own")


def test_generate_takes_the_folder_too(run, mine, tmp_path, capfd):
    assert run("a")[0] == 0
    capfd.readouterr()
    words = ["generate", str(tmp_path / "a"), "--tokens", "3", "--kernels"]
    with sim.config(check=False):
        assert cli.main([*words, str(mine("attention_cached"))]) == 0
    assert "mine/attention_cached.cu" in table_of(capfd.readouterr().out)["attention_cached"][0]


def test_events_are_read_before_too_many_are_kept(monkeypatch):
    from mlstack_lib.devices import raw_kernels

    dev = device(SIM)
    dev.forget_steps()
    monkeypatch.setattr(raw_kernels, "MOST_MARKS", 3)
    x = dev.upload(np.zeros(3, np.float32))
    with uses.timed(dev):
        for _ in range(5):
            dev.launch("fill", (1,), (32,), [x, 3, 1.0], BLOCK=32)
    use = dev.uses()["fill"]
    assert (use.launches, use.timed) == (5, 5)
    dev.launch("fill", (1,), (32,), [x, 3, 1.0], BLOCK=32)
    assert (dev.uses()["fill"].launches, dev.uses()["fill"].timed) == (6, 5)
    dev.forget_steps()
    assert dev.uses() == {}


# ---- what is refused: one line, exit status, no run folder ----

FOREVER = "for (volatile unsigned k = 0; k < 2; k *= 2) {}\n    if (i >= n) return;"
GUARD = "if (i >= n) return;"


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ((None, ""), 2, "adamw.cu is empty; it should define extern \"C\" __global__ void adamw("),
        ((None, "// nothing yet\n"), 2, "adamw.cu is empty"),
        ((None, "int x;"), 2, "adamw.cu has no kernel; it should define"),
        (("void adamw(", "void adam("), 2, "has no kernel 'adamw', did you mean 'adam'?, only"),
        (('extern "C" ', ""), 2, 'write `extern "C"` in front'),
        (("float eps,", ""), 2, "10 parameters, the launcher passes 11"),
        (("float beta1, float beta2", "float beta1, float* beta2"), 2,
         "parameter 9 is `float* beta2`, the launcher passes a float, `float beta2`"),
        (("g = grad *", "g = gradient *"), 2, "line 16: 'gradient'"),
        (("params)[i] = p4", "params)[i + 1] = p4"), 1, "adamw: error: index out of range"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_serve_is_refused_before_the_run(
    change, status, message, run, mine, tmp_path
):
    old, new = change
    folder = mine("adamw", text=new) if old is None else mine("adamw", change)
    before = (folder / "adamw.cu").read_bytes()
    got, out, err = run("a", folder)
    assert (got, out) == (status, "")
    assert err.startswith(f"mlstack: {folder / 'adamw.cu'}")
    assert message in err
    assert "Traceback" not in err
    assert not (tmp_path / "a").exists()
    assert (folder / "adamw.cu").read_bytes() == before


@pytest.mark.parametrize("name", ["none", "empty", "other"])
def test_a_folder_without_kernels_is_refused(name, run, tmp_path):
    if name != "none":
        (tmp_path / name).mkdir()
    if name == "other":
        (tmp_path / name / "adamx.cu").write_text("")
    status, _, err = run("a", tmp_path / name)
    what = f"there is no folder {tmp_path / name}" if name == "none" else "is named as a kernel"
    assert (status, what in err, err.count("\n")) == (2, True, 1)


def test_the_device_cpu_runs_no_kernel_files(run, mine):
    status, _, err = run("a", mine("add"), device="cpu")
    assert (status, "device cpu runs no kernel files" in err) == (2, True)


def test_a_kernel_that_loops_for_ever_is_ended_by_the_simulator_or_by_the_parent(mine):
    folder = mine("add", (GUARD, FOREVER))
    with pytest.raises(CouldNotFinish, match="add.cu: no end within 4 s on cuda-sim, in a trial"):
        try_out(folder, SIM, limit=4)
    with pytest.raises(CouldNotFinish, match="add: error: still running at the time limit"):
        try_out(folder, SIM)


def test_a_kernel_that_returns_nan_is_noted(mine):
    notes = try_out(mine("add", ("a[i] + b[i]", "sqrtf(-1.0f)")), SIM)
    assert len(notes) == 1
    assert "add.cu: not what the reference gives on cuda-sim, in a trial of add (1, 1)" in notes[0]
    assert "error nan" in notes[0]


@pytest.mark.parametrize(
    ("code", "how"),
    [("import os; os.abort()", "signal 6"), ("raise SystemExit(3)", "exit status 3")],
)
def test_a_child_that_dies_is_named_with_the_file_it_was_at(mine, monkeypatch, code, how):
    said = 'print(\'{"file": "add.cu"}\', flush=True); '
    monkeypatch.setattr(trying, "_command", lambda *_: [sys.executable, "-c", said + code])
    with pytest.raises(CouldNotFinish, match=rf"add.cu: the process ended \({how}\)"):
        try_out(mine("add"), SIM)


def test_a_device_that_is_not_there_is_named_with_the_reason(mine, monkeypatch):
    monkeypatch.setattr(device(SIM), "missing", lambda: "there is no C++ compiler")
    with pytest.raises(CouldNotFinish, match="device cuda-sim: there is no C"):
        try_out(mine("add"), SIM)


# ---- entry points ----


@pytest.mark.parametrize("name", sorted(trials_by_kernel()))
def test_a_packaged_kernel_passes_for_its_own_entry_point(name):
    check_entry(kernels.PACKAGED / f"{name}.cu")


@pytest.mark.parametrize(
    ("parameter", "want"),
    [
        ("const float* __restrict__ x", "an array"), ("float x[]", "an array"),
        ("float const *x", "an array"), ("const float eps", "a float"), ("double x", "double x"),
        ("const unsigned int n", "a whole number"), ("int n", "a whole number"),
    ],
)  # fmt: skip
def test_the_kind_of_a_parameter(parameter, want):
    assert kind(parameter) == want


def test_other_names_and_order_of_words_are_the_same_entry_point(tmp_path):
    (tmp_path / "add.cu").write_text(
        'extern "C" __global__ void __launch_bounds__(256) add(float const *p, const float q[], '
        "float *const r, const int count) { r[0] = p[0] + q[0]; }"
    )
    check_entry(tmp_path / "add.cu")
    (tmp_path / "add.cu").write_text(
        'extern "C" __global__ void add(float *p, float *q, float *r, double n) {}'
    )
    with pytest.raises(BadInput, match="parameter 4 is `double n`, the launcher passes a whole"):
        check_entry(tmp_path / "add.cu")
