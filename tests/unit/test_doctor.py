"""`mlstack doctor`: versions, devices, and what each missing part needs."""

import importlib.metadata
import platform
import re
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from mlstack_lib.course import doctor
from mlstack_lib.devices import NAMES, device

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def lines():
    return doctor.report().splitlines()


def test_every_line_is_a_fact_that_is_there_or_not():
    assert all(re.match(r"\[(ok|no)\] \S", line) for line in lines())


def test_the_versions_are_those_that_are_installed():
    assert f"[ok] numpy {np.__version__}" in lines()
    assert f"[ok] Python {platform.python_version()} at {sys.executable}" in lines()[0]


def test_every_package_that_the_project_needs_is_looked_for():
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    needed = {re.match(r"[\w-]+", text).group() for text in project["dependencies"]}
    assert needed <= set(doctor.PACKAGES)
    referees = {re.match(r"[\w-]+", t).group() for t in project["optional-dependencies"]["test"]}
    assert set(doctor.REFEREES) <= referees


def test_a_missing_package_says_how_to_get_it(monkeypatch):
    def version(name):
        if name in ("pooch", "torch"):
            raise importlib.metadata.PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(doctor, "version", version)
    assert "[no] pooch: python -m pip install -r requirements.txt" in lines()
    assert "[no] torch: only tests need it: see README" in lines()
    assert "[ok] regex 1.0" in lines()


def test_every_device_has_a_line_and_cpu_is_found():
    told = [line for line in lines() if " device " in line]
    assert [line.split()[2].rstrip(":") for line in told] == NAMES
    assert "[ok] device cpu" in told


def test_a_missing_device_says_what_it_needs(monkeypatch):
    monkeypatch.setattr(device("cpu"), "missing", lambda: "no processor; put one in")
    assert "[no] device cpu: no processor; put one in" in lines()


@pytest.mark.parametrize(
    ("version", "start", "end"),
    [
        ((3, 10), "[no] Python", ": install Python 3.11 or later"),
        ((3, 11), "[ok] Python", sys.executable),
        ((3, 13), "[ok] Python", sys.executable),
        ((3, 14), "[ok] Python", "(later than 3.13, which was tested)"),
    ],
)
def test_the_python_is_judged_by_what_was_tested(monkeypatch, version, start, end):
    monkeypatch.setattr(sys, "version_info", (*version, 0, "final", 0))
    line = lines()[0]
    assert line.startswith(start)
    assert line.endswith(end)


@pytest.mark.parametrize("config", [{}, {"Build Dependencies": {"blas": {"name": "mkl"}}}])
def test_a_numpy_that_does_not_tell_its_blas_is_no_failure(monkeypatch, config):
    monkeypatch.setattr(np, "show_config", lambda mode: config)
    name = "mkl" if config else "an unknown library"
    assert f"[ok] matrix products by {name}" in lines()


def test_the_place_of_the_data_is_told_and_not_made(tmp_path, monkeypatch):
    monkeypatch.setenv("MLSTACK_DATA", str(tmp_path / "there"))
    assert lines()[-1] == (
        f"[ok] data is kept in {tmp_path / 'there'}; MLSTACK_DATA chooses another folder"
    )
    assert not (tmp_path / "there").exists()
