"""Recorded ladders are of the kernels as they are, and shown as they were measured."""

import json

import pytest

from mlstack_lib.course import ladders
from mlstack_lib.course.ladders import Ladder, Rung, digest, show_ladder, show_split

RECORDED = sorted(ladders.FOLDER.glob("*.json"))
LADDER = {"problem": "x (1000) f32", "nbytes": 8000, "operations": 0}
ROW = {"name": "plain", "kernel": "", "error": 1e-7, "sha256": "", "us": 8.0}


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
def test_a_recorded_ladder_is_of_the_kernels_as_they_are(file):
    rungs = [rung for ladder in json.loads(file.read_text(encoding="utf-8"))["ladders"].values()
             for rung in ladder["rungs"]]  # fmt: skip
    assert rungs
    stale = {r["kernel"] for r in rungs if r["kernel"] and r["sha256"] != digest(r["kernel"])}
    assert stale == set(), f"measure again: python -m mlstack_lib.course.ladders {file.stem}"


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    monkeypatch.setattr(ladders, "FOLDER", tmp_path)

    def write(**ladder) -> None:
        whole = {"copy_gb_s": 2.0, "machine": "M", "versions": "V", "date": "D", "command": "C"}
        text = json.dumps({**whole, "ladders": {"scale": LADDER | ladder}})
        (tmp_path / "08.json").write_text(text)

    return write


def test_the_first_rungs_can_be_shown_under_other_names(recorded, capsys):
    recorded(rungs=[ROW, ROW | {"name": "library"}])
    show_ladder(8, "scale", labels=["plain, 3 stages"])
    lines = capsys.readouterr().out.splitlines()
    assert [line[:15].strip() for line in lines[2:4]] == ["plain, 3 stages", "library"]


def test_a_ladder_of_bytes_is_shown_beside_a_copy(recorded, capsys):
    recorded(rungs=[ROW])
    show_ladder(8, "scale")
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split() == ["plain", "8.0", "1.0", "50", "%", "1e-07"]
    assert lines[3] == "a copy moved 2 GB/s in the same run; M; V; D; C"


def test_a_ladder_of_operations_is_shown_beside_its_last_row(recorded, capsys):
    recorded(operations=16_000_000, rungs=[ROW, ROW | {"name": "library", "us": 4.0}])
    show_ladder(8, "scale")
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split()[:5] == ["plain", "8.0", "2.0", "50", "%"]
    assert lines[3].split()[:5] == ["library", "4.0", "4.0", "100", "%"]


def test_the_first_rungs_can_be_shown_beside_the_last(recorded, capsys):
    recorded(rungs=[ROW, ROW | {"name": "second"}, ROW | {"name": "library", "us": 4.0}])
    show_ladder(8, "scale", rungs=1)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2:-1]] == ["plain", "library"]


def test_a_rung_is_shown_with_its_share_of_the_peak(recorded, capsys):
    recorded(operations=16_000_000, rungs=[ROW, ROW | {"name": "library", "us": 4.0}])
    show_ladder(8, "scale", peak=8.0)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].endswith("error of peak")
    assert [line.split()[-2:] for line in lines[2:4]] == [["25", "%"], ["50", "%"]]


def test_a_ladder_of_neither_bytes_nor_operations_is_shown_with_its_times(recorded, capsys):
    recorded(nbytes=0, rungs=[ROW | {"least_us": 7.5, "most_us": 9.25}])
    show_ladder(8, "scale")
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["us", "least", "most"]
    assert lines[2].split() == ["plain", "8.0", "7.5", "9.2"]
    assert lines[3] == "M; V; D; C"


def test_a_split_shows_the_longest_kernels_and_the_others_together(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(ladders, "FOLDER", tmp_path)
    names = {"copy": (2, 10.0), "matmul": (30, 70.0), "add": (1, 20.0)}
    kernels = [{"name": k, "launches": n, "us": us} for k, (n, us) in names.items()]
    step = {"problem": "small", "kernels": kernels, "graph_us": 104.0}
    made_by = {"machine": "M", "versions": "V", "date": "D", "command": "C"}
    (tmp_path / "08.json").write_text(json.dumps({**made_by, "splits": {"step": step}}))
    show_split(8, "step", most=1)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[2] == ["matmul", "30", "70.0", "70.0", "%"]
    assert lines[3] == ["2", "others", "3", "30.0", "30.0", "%"]
    assert " ".join(lines[4]) == "all kernels 100 us; the step 104 us as a CUDA graph"


def test_a_wrong_rung_is_not_recorded():
    wrong = Rung("plain", "", lambda: None, lambda: float("nan"))
    with pytest.raises(ValueError, match="scale, plain: error nan, at most"):
        ladders._measured(Ladder("scale", "", 1, 0, 1e-6, [wrong]), None)
