"""`mlstack bench`: which parts it measures, what it prints and records, how a time is taken."""

import json
import subprocess
from types import SimpleNamespace

import numpy as np
import pytest

from mlstack_lib.backend import backend
from mlstack_lib.bench import clock, command, parts, problems, processor, side, tables, work
from mlstack_lib.devices import device
from mlstack_lib.errors import CouldNotFinish
from mlstack_lib.presets import preset

SIM = device("cuda-sim").missing()
needs_simulator = pytest.mark.skipif(SIM is not None, reason=f"device cuda-sim: {SIM}")


def assert_refused(result, message):
    status, _, err = result
    assert (status, err.count("\n")) == (2, 1)
    assert message in err


@pytest.fixture
def asked(monkeypatch):
    """The parts that are measured, none of them really."""
    found = []

    def measured(name):
        def measure(given):
            found.append(name if name in command.ON_DEVICES else given)
            return [{"title": name, "rows": [{"name": "x", "ms": 1.23456789, "samples": 20}]}]

        return measure

    monkeypatch.setattr(processor, "measure", measured("processor"))
    monkeypatch.setattr(
        command, "ON_DEVICES", {name: measured(name) for name in command.ON_DEVICES}
    )
    return found


# ---- the command ----


def test_the_processor_is_measured_by_default_in_its_own_parts(mlstack, asked):
    assert mlstack("bench")[0] == 0
    assert asked == ["laptop", "12m", "tokenizer"]


@needs_simulator
def test_another_device_is_measured_in_the_parts_that_all_have(mlstack, asked):
    status, out, _ = mlstack("bench", "--device", "cuda-sim")
    assert (status, asked) == (0, ["step", "kernels", "matmul", "attention"])
    assert "small sizes: this device computes on the processor" in out


@pytest.mark.parametrize("part", ["tokenizer", "attention"])
def test_one_part_can_be_asked_for(mlstack, asked, part):
    assert mlstack("bench", "--only", part)[0] == 0
    assert asked == [part]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--only", "tokens"], "tokens"),
        (["--device", "gpu"], "gpu"),
        (["--device", "cuda", "--only", "laptop"], "laptop is a part of device cpu; those of cuda"),
        (["--only", "matmul", "--batch", "4"], "--preset and --batch are of the parts step and"),
        (["--preset", "tiny"], "--preset and --batch are of the parts step and kernels"),
        (["--only", "step", "--batch", "0"], "batch is 0, must be at least 1"),
        (["--record", "no/such/folder.json"], "it is in no folder that is there"),
        (["--record", "."], "it is a folder"),
    ],
)
def test_what_cannot_be_measured_or_recorded_is_refused_at_once(mlstack, words, message):
    assert_refused(mlstack("bench", *words), message)


def test_a_device_that_is_missing_is_exit_status_1(mlstack, monkeypatch):
    monkeypatch.setattr(device("cuda"), "missing", lambda: "there is no NVIDIA GPU")
    status, _, err = mlstack("bench", "--device", "cuda")
    assert (status, err) == (1, "mlstack: device cuda: there is no NVIDIA GPU\n")


def test_a_record_says_on_what_when_by_which_command_and_what(mlstack, asked, tmp_path):
    file = tmp_path / "found.json"
    words = ["bench", "--only", "step", "--preset", "tiny", "--batch", 4]
    status, out, _ = mlstack(*words, "--record", file)
    assert status == 0
    assert out.endswith(f"wrote {file}\n")
    found = json.loads(file.read_text(encoding="utf-8"))
    assert list(found) == ["command", "date", "machine", "versions", "results"]
    assert found["command"] == "mlstack bench --only step --preset tiny --batch 4"
    assert found["machine"].endswith("device cpu")
    assert f"NumPy {np.__version__}" in found["versions"]
    (table,) = found["results"]["step"]
    assert table["rows"] == [{"name": "x", "ms": 1.235, "samples": 20}]


def test_what_was_measured_before_a_failure_is_recorded(mlstack, asked, tmp_path, monkeypatch):
    file, measure = tmp_path / "found.json", processor.measure

    def failing(part):
        if part == "tokenizer":
            raise CouldNotFinish("no corpus")
        return measure(part)

    monkeypatch.setattr(processor, "measure", failing)
    assert mlstack("bench", "--record", file)[0] == 1
    assert list(json.loads(file.read_text(encoding="utf-8"))["results"]) == ["laptop", "12m"]
    assert [path.name for path in tmp_path.iterdir()] == ["found.json"]


# ---- tables ----


def answers(monkeypatch, found):
    """Let the sides answer `found(side, what, **case)` instead of measuring."""
    monkeypatch.setattr(parts, "measured", found)
    monkeypatch.setattr(parts, "sizes_for", lambda _: problems.SMALL)
    return SimpleNamespace(device="cuda", preset="tiny", batch=8)


def test_the_rows_of_a_step_are_products_and_modes_and_the_missing_ones_say_why(
    monkeypatch, capsys
):
    def found(side, what, on, name, batch, matmul="", mode="", tf32=False):
        if matmul == "library-tf32" or mode == "compiled":
            return {"missing": "no such thing"}
        times = {"seconds": 0.002, "least": 0.001, "most": 0.003, "samples": 20}
        return times | {"tokens": 256, "mib": 12.3, "loss": 6.25, "version": "2.11"}

    options = answers(monkeypatch, found)
    (table,) = parts.step(options)
    title, head, *lines = capsys.readouterr().out.strip().splitlines()
    assert title == table["title"] + ":" == "training step of tiny, batch 8, f32:"
    assert head.split() == ["ms", "least", "tokens/s", "MiB", "loss"]
    assert [row["name"] for row in table["rows"]] == [
        "mlstack, kernel", "mlstack, library", "mlstack, library-tf32", "PyTorch 2.11 eager",
        "PyTorch compiled", "PyTorch 2.11 compiled, graphs", "PyTorch 2.11 eager, TF32",
        "PyTorch compiled, TF32", "PyTorch 2.11 compiled, graphs, TF32",
    ]  # fmt: skip
    assert lines[0].split()[-5:] == ["2.00", "1.00", "128,000", "12", "6.2500"]
    assert lines[2].split("  ")[-1].endswith("not available: no such thing")
    assert "ms" not in table["rows"][4]


def test_kernels_are_shown_with_their_share_and_the_least_time_they_could_take(monkeypatch, capsys):
    rows = [
        {"name": "matmul", "launches": 3.0, "seconds": 3e-3, "nbytes": 1e6, "operations": 2e9},
        {"name": "add", "launches": 1.0, "seconds": 1e-3, "nbytes": 5e5, "operations": 0.0},
    ]
    value = {"rows": rows, "clock": "device events", "step_seconds": 3.5e-3, "copy_bytes": 8,
             "copy_rate": 1e9, "product": [4, 4, 4], "product_rate": 1e12,
             "product_by": "library"}  # fmt: skip
    (table,) = parts.kernels(answers(monkeypatch, lambda *_, **__: value))
    lines = capsys.readouterr().out.strip().splitlines()
    # 2e9 operations at 1e12 a second are 2 ms of 3; 5e5 bytes at 1e9 a second 0.5 ms of 1
    assert lines[2].split() == ["matmul", "3.0", "3,000.0", "75.0%", "0.3", "0.6667", "67%"]
    assert lines[3].split() == ["add", "1.0", "1,000.0", "25.0%", "0.5", "-", "50%"]
    assert "4,000 us in all, by device events; the step as it is replayed: 3,500 us" in lines[4]
    assert (table["sum_us"], table["step_us"]) == pytest.approx((4000, 3500))


def test_products_stand_beside_those_of_the_library(monkeypatch, capsys):
    def found(side, what, on, matmul):
        if matmul == "library-tf32":
            return {"missing": "not here"}
        seconds = {"kernel": 2e-6, "library": 1e-6}[matmul]
        row = {"form": "NT", "m": 100, "n": 100, "k": 100, "seconds": seconds, "error": 1e-7}
        return {"rows": [row]}

    (table,) = parts.matmul(answers(monkeypatch, found))
    row, missing = table["rows"]
    assert (row["kernel"], row["library"], row["of_library"]) == pytest.approx((1.0, 2.0, 0.5))
    assert missing == {"name": "library-tf32", "missing": "not here"}
    line = capsys.readouterr().out.splitlines()[3]
    assert line.split() == ["NT", "100", "x", "100", "x", "100", "1", "2", "-", "50%", "1.0e-07"]


def test_attention_is_shown_beside_pytorchs_or_why_not(monkeypatch, capsys):
    def found(side, what, on):
        if side == "theirs":
            return {"missing": "no GPU"}
        return {"rows": [{"name": "forward", "seconds": 1e-4, "error": 1e-7}], "clock": "events"}

    (table,) = parts.attention(answers(monkeypatch, found))
    assert [row["name"] for row in table["rows"]] == ["mlstack, forward", "PyTorch"]
    out = capsys.readouterr().out
    assert "not available: no GPU" in out
    assert "by events" in out


def test_numbers_are_recorded_to_four_digits_and_whole_ones_as_they_are():
    assert tables.rounded({"a": [1.23456, 123456, "x"]}) == {"a": [1.235, 123456, "x"]}


# ---- how a time is taken ----


@pytest.fixture
def fake_clock(monkeypatch):
    """A clock that `fake_clock(seconds)` moves on."""
    now = [0.0]
    monkeypatch.setattr(clock.time, "perf_counter", lambda: now[0])

    def move(seconds):
        now[0] += seconds

    return move


def test_a_time_is_the_median_of_samples_after_the_warm_up(fake_clock):
    taken = iter([9.0] * clock.WARM + [0.1] + [0.02, 0.06] * clock.SAMPLES)
    found = clock.sample(lambda: fake_clock(next(taken)), lambda: None, per=2)
    assert found["samples"] == clock.SAMPLES
    assert (found["least"], found["seconds"], found["most"]) == pytest.approx((0.01, 0.02, 0.03))


def test_short_runs_are_repeated_in_a_sample_and_waited_for_once(fake_clock):
    runs, waits = [], []

    def run():
        runs.append(1)
        fake_clock(clock.SAMPLE_SECONDS / 10)

    clock.sample(run, lambda: waits.append(1))
    assert len(runs) == clock.WARM + 1 + 10 * clock.SAMPLES
    assert len(waits) == 2 * (1 + clock.SAMPLES)


def test_no_sample_begins_after_the_limit_but_the_least_number(fake_clock):
    found = clock.sample(lambda: fake_clock(clock.SECONDS), lambda: None)
    assert found["samples"] == clock.LEAST_SAMPLES


# ---- a side in a process of its own ----


def test_a_side_is_measured_in_another_process():
    found = side.measured("ours", "products", on="cuda-sim", matmul="library")
    assert found["missing"].startswith("--matmul library: needs --device cuda, this run is on cuda")


def test_a_side_that_dies_or_lasts_too_long_says_so(monkeypatch):
    assert "no_such_thing" in side.measured("ours", "no_such_thing")["missing"]

    def killed(*_, **__):
        return SimpleNamespace(returncode=-9, stderr="", stdout="")

    monkeypatch.setattr(side.subprocess, "run", killed)
    assert side.measured("ours", "step")["missing"] == "ended with status -9"

    def slow(command, timeout, **_):
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(side.subprocess, "run", slow)
    assert side.measured("ours", "step")["missing"] == f"not done after {side.LIMIT} s"


# ---- what is measured ----


def test_the_steps_are_the_devices_or_the_one_that_was_asked_for(monkeypatch):
    assert problems.steps_for("cuda", None, None)[:2] == [("12m", 64), ("12m", 4)]
    assert problems.steps_for("cuda", "tiny", None) == [("tiny", preset("tiny").batch)]
    assert problems.steps_for("cuda", None, 7) == [("12m", 7)]
    assert problems.steps_for("cuda-sim", None, None) == [("tiny", 8)]


def test_products_are_those_of_every_layer_of_12m_in_three_forms():
    recipe = preset("12m")
    assert (problems.LARGE.channels, problems.LARGE.vocabulary) == (
        recipe.n_embd, recipe.vocab_size
    )  # fmt: skip
    assert problems.LARGE.tokens == recipe.batch * recipe.context
    found = problems.LARGE.products()
    assert ("NT", 16384, 1152, 384) in found
    assert ("NN", 16384, 384, 1152) in found
    assert ("TN", 1152, 384, 16384) in found
    assert len(found) == len(set(found)) == 18


def test_the_first_batches_do_not_depend_on_how_many_follow():
    recipe = preset("tiny")
    assert np.array_equal(problems.batches(recipe, 1)[0], problems.batches(recipe, 5)[0])


@needs_simulator
def test_the_work_of_launches_is_seen_from_their_arguments(simulated):
    on, work_of = simulated
    x, weight, qkv = on(6, 8), on(10, 8), on(2, 5, 3, 2, 4)
    found = work_of(lambda k: k.linear_forward(x, weight, on(10)))
    assert found["linear_forward"].operations == 2 * 6 * 10 * 8
    assert found["linear_forward"].nbytes == 4 * (6 * 8 + 10 * 8 + 10 + 6 * 10)
    found = work_of(lambda k: k.attention_backward(on(2, 5, 2, 4), qkv, *k.attention_forward(qkv)))
    pairs = 2 * 2 * sum(1 for query in range(5) for key in range(5) if key <= query)
    # of each pair: a score and a share of out; the score again, dp, dv, dk; the score, dp, dq
    products = {"attention_forward": 2, "attention_backward_kv": 4, "attention_backward_q": 3}
    for name, count in products.items():
        assert found[name].operations == count * 2 * 4 * pairs
    assert found["attention_delta"].operations == 0
    assert found["attention_delta"].launches == 1
    assert found["attention_delta"].nbytes == 4 * (2 * 2 * 5 * 2 * 4 + 2 * 2 * 5)


def test_arrays_that_are_read_and_written_count_twice():
    on = device("cuda-sim")
    params = [array_of(on, 100) for _ in range(5)]
    # gradients read; parameters and both moments read and written; the state read
    assert work.nbytes_of("adamw", params) == 4 * 100 * (5 + 3)
    table, row = array_of(on, 1000), array_of(on, 10)
    assert work.nbytes_of("take_row", [table, params[0], row]) == 4 * 10 * 2


def array_of(on, size):
    return work.Array(on, None, (size,), np.dtype(np.float32))


@pytest.fixture
def simulated():
    """(on(*shape), an array on the simulator; work_of(launches), their work by kernel)."""
    dev, rng = device("cuda-sim"), np.random.default_rng(0)

    def work_of(launches):
        found = {}
        with work.watched(dev, found):
            launches(backend(dev.state))
        assert "launch" not in vars(dev)
        return found

    return lambda *shape: dev.upload(rng.standard_normal(shape, np.float32)), work_of
