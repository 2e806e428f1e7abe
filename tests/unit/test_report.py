"""What a run leaves to look at: a picture, samples, the functions that served it."""

import json
from collections import Counter

import pytest
from matplotlib.figure import Figure

from mlstack_lib import report, train
from mlstack_lib.backend import override
from mlstack_lib.errors import CouldNotFinish
from mlstack_lib.files import write_text
from mlstack_lib.run import Run

PNG = b"\x89PNG\r\n\x1a\n"


def entries(folder):
    return Run.open(folder).read_log()


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are written from here on, instead of being turned into pixels."""
    figures = []

    def keep(figure, part, **_):
        figures.append(figure)
        part.write_bytes(PNG)

    monkeypatch.setattr(Figure, "savefig", keep)
    return figures


def lines(axes):
    return [[list(map(float, data)) for data in line.get_data()] for line in axes.get_lines()]


def test_the_picture_is_a_png_with_some_thousand_pixels(finished):
    path = report.draw(Run.open(finished))
    data = path.read_bytes()
    assert path == finished / "loss.png"
    assert data.startswith(PNG)
    width, height = (int.from_bytes(data[i : i + 4], "big") for i in (16, 20))
    assert (width, height) == (800, 600)


def test_the_picture_shows_both_losses_the_rate_and_the_norm_by_update(finished, drawn):
    report.draw(Run.open(finished))
    updates = [e for e in entries(finished) if "loss" in e]
    looks = [e for e in entries(finished) if "valid_nats_per_token" in e]
    loss, rate, norm = drawn[0].axes
    steps = [e["step"] for e in updates]
    assert lines(loss) == [
        [steps, [e["loss"] for e in updates]],
        [[e["step"] for e in looks], [e["valid_nats_per_token"] for e in looks]],
    ]
    assert lines(rate) == [[steps, [e["lr"] for e in updates]]]
    assert lines(norm) == [[steps, [e["grad_norm"] for e in updates]]]


def test_every_axis_of_the_picture_says_what_it_is(finished, drawn):
    report.draw(Run.open(finished))
    loss, rate, norm = drawn[0].axes
    assert [axes.get_ylabel() for axes in (loss, rate, norm)] == [
        "nats / token", "learning rate", "gradient norm"
    ]  # fmt: skip
    assert norm.get_xlabel() == "update"
    assert norm.get_yscale() == "log"
    assert [text.get_text() for text in loss.get_legend().get_texts()] == [
        "training batch", "whole validation split"
    ]  # fmt: skip


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kept", [0, 1, 11])
def test_a_log_that_is_short_or_lost_can_still_be_drawn(finished, kept):
    text = (finished / "log.jsonl").read_text(encoding="utf-8")
    write_text(finished / "log.jsonl", "".join(text.splitlines(keepends=True)[:kept]))
    assert report.draw(Run.open(finished)).read_bytes().startswith(PNG)


def test_a_disk_that_is_full_leaves_the_picture_before(finished, monkeypatch):
    def full(figure, part, **_):
        part.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    (finished / "loss.png").write_bytes(b"old")
    monkeypatch.setattr(Figure, "savefig", full)
    with pytest.raises(CouldNotFinish, match="No space left on device"):
        report.draw(Run.open(finished))
    assert (finished / "loss.png").read_bytes() == b"old"
    assert not list(finished.glob(".*"))


def test_samples_are_three_texts_in_a_file_and_the_same_every_time(finished, monkeypatch):
    monkeypatch.setattr(report, "SAMPLE_TOKENS", 20)
    run = Run.open(finished)
    text = report.sample(run, run.load_model())
    assert (finished / "samples.txt").read_bytes().decode("utf-8") == text
    assert report.sample(run, run.load_model()) == text
    samples = text.split("\n\n--------\n\n")
    assert len(samples) == len(set(samples)) == 3
    assert text.endswith("\n")


def test_samples_are_made_without_dropout_though_training_just_ended(tmp_path, small, monkeypatch):
    monkeypatch.setattr(report, "SAMPLE_TOKENS", 20)
    trainer = train.start(small(dropout=0.5, steps=2), tmp_path / "run")
    trainer.train()
    trainer.model.train()
    told = report.sample(trainer.run, trainer.model)
    assert told == report.sample(trainer.run, Run.open(tmp_path / "run").load_model())


def test_a_text_of_one_line_can_be_sampled_by_characters(tmp_path, small, monkeypatch):
    monkeypatch.setattr(report, "SAMPLE_TOKENS", 20)
    (tmp_path / "line").write_bytes(b"abc abd " * 60)
    recipe = small(corpus=f"text:{tmp_path / 'line'}", tokenizer="char", steps=2)
    trainer = train.start(recipe, tmp_path / "run")
    trainer.train()
    assert set(report.sample(trainer.run, trainer.model)) <= set("abcd \n-")


def test_the_table_names_each_operation_its_file_and_its_calls(tmp_path, small, monkeypatch):
    def squared_norm(x):
        return (x * x).sum()

    monkeypatch.setattr("mlstack_lib.backend.calls", calls := Counter())
    with override(squared_norm=squared_norm):
        train.start(small(steps=3), tmp_path / "run").train()
    rows = [row.split() for row in report.table_of_functions().splitlines()]
    assert rows[0] == ["operation", "calls", "file"]
    assert ["squared_norm", "3", "test_report.py"] in rows  # the learner's own
    assert ["adamw", "3", "cpu.py"] in rows
    assert ["advance", "3", "reference_update.py"] in rows
    assert sum(int(row[1].replace(",", "")) for row in rows[1:]) == calls.total()


def test_the_summary_tells_the_last_validation_loss(finished):
    last = entries(finished)[-1]
    assert report.summary(Run.open(finished)) == (
        f"after 25 updates: validation loss {last['valid_nats_per_token']:.4f} nats/token, "
        f"{last['valid_bits_per_byte']:.4f} bits/byte of {Run.open(finished).config.corpus}"
    )


def test_the_summary_of_a_lost_log_says_so(finished):
    (finished / "log.jsonl").unlink()
    assert report.summary(Run.open(finished)).endswith("log.jsonl holds no validation loss")


def test_what_is_drawn_is_what_the_log_on_the_disk_says(finished, drawn):
    text = (finished / "log.jsonl").read_text(encoding="utf-8")
    changed = [json.loads(line) for line in text.splitlines()]
    changed[0]["loss"] = 99.0
    write_text(finished / "log.jsonl", "".join(json.dumps(e) + "\n" for e in changed))
    report.draw(Run.open(finished))
    assert lines(drawn[0].axes[0])[0][1][0] == 99.0
