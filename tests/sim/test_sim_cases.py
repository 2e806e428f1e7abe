"""Every seeded fault is found, right kernels are silent, in any order and with every compiler."""

import numpy as np
import pytest
from sim_cases import CASES
from sim_kernels import LARGE, SMALL, text
from sim_mutants import MUTANTS

from mlstack_lib import sim
from mlstack_lib.sim.compilers import NAMES


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_fault_is_found_and_a_right_kernel_is_silent(case, compiler):
    for order in case.orders:
        with sim.config(check=case.check, order=order, timeout=1.0):
            found = case.findings()
        kinds = {finding.kind for finding in found}
        if not case.faults:
            assert found == [], order
        assert case.faults <= kinds, order
        if case.line is not None:
            assert case.line in (found[0].line, found[0].line2), order


@pytest.mark.parametrize("name", NAMES)
def test_each_compiler_is_tried(name):
    if name not in sim.available():
        pytest.skip(f"{name} is not on this machine: no kernel was built by it")
    with sim.config(compiler=name):
        assert max(SMALL[0].run(SMALL[0].kernel())) <= 1


def test_the_cases_are_all_there():
    assert len({case.name for case in CASES}) == len(CASES) == 69


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_launch_after_a_fault_works(case):
    with sim.config(check=case.check, timeout=0.3):
        case.findings()
    SMALL[0].run(kernel := SMALL[0].kernel())
    assert kernel.report == []


def test_findings_and_results_are_the_same_every_time():
    for case in CASES:
        if "race" in case.faults:
            first, second = case.findings(), case.findings()
            assert first == second


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_two_workers_find_what_one_finds(case):
    with sim.config(check=case.check, timeout=1.0, workers=2):
        found = case.findings()
    assert case.faults <= {finding.kind for finding in found}
    assert case.faults or found == []


# ---- mutants ----


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant[1])
def test_a_mutant_is_found_in_any_order(mutant, compiler):
    case, _, code = mutant
    for order in ("forward", "reverse", "random:7"):
        with sim.config(timeout=2.0, order=order):
            assert _findings(case, code), order


def _findings(case, code):
    kernel = case.kernel(code)
    try:
        case.run(kernel)
    except sim.KernelError as error:
        return error.findings
    return kernel.report


def test_there_are_mutants_of_every_kernel():
    assert {case.name for case, *_ in MUTANTS} == {case.name for case in SMALL}
    assert len(MUTANTS) == len({name for _, name, _ in MUTANTS}) == 29


# ---- right results ----


@pytest.mark.parametrize("check", [True, False], ids=["checked", "fast"])
@pytest.mark.parametrize("case", SMALL, ids=lambda case: case.name)
def test_kernels_agree_with_numpy(case, check, compiler):
    for seed, order in enumerate(("forward", "reverse", "random:3")):
        with sim.config(check=check, order=order):
            kernel = case.kernel()
            errors = case.run(kernel, seed)
        assert all(error <= 1 for error in errors), errors
        assert kernel.report == []


@pytest.mark.parametrize("case", LARGE, ids=lambda case: case.name)
def test_kernels_agree_with_numpy_at_full_size(case):
    with sim.config(check=False, timeout=30):
        errors = case.run(case.kernel())
    assert all(error <= 1 for error in errors), errors


def test_a_wrong_result_would_be_seen():
    case = SMALL[0]
    errors = case.run(case.kernel(text(case.file).replace("s[t + o];", "2 * s[t + o];")))
    assert not all(error <= 1 for error in errors)
    assert not np.isnan(errors[0])
