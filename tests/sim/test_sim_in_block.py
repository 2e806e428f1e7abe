"""Races of one block's threads in global memory, seen until its first barrier; variables without a value."""

import numpy as np
import pytest
from sim_case import f32

from mlstack_lib import sim
from mlstack_lib.sim import compilers

# ---- races of a block's own threads ----

RACES = [  # the body; two threads of line 2 race
    ("all add to one element", "y[0] += t;"),
    ("all write one element", "y[0] = t;"),
    ("lanes of one warp add", "if (t < 32) y[0] += t;"),
    ("lanes of one warp, two statements", "if (t < 32) { y[t] = 1;\ny[(t + 1) % 32] = 2; }"),
    ("each writes all", "for (int i = 0; i < 4; i++) y[i] = t;"),
    ("each reads what the next one writes", "y[t] = y[(t + 1) % 64];"),
    ("plain after atomic", "if (t < 63) atomicAdd(y, 1.0f); else y[0] = 0;"),
    ("other warp after a __syncwarp", "__syncwarp(); y[t % 32] = t;"),
]
RIGHT = [
    ("a barrier between", "y[t] = t; __syncthreads(); y[63 - t] = t;"),
    ("its own element, often", "for (int i = 0; i < 4; i++) y[t] += i;"),
    ("lanes of one warp assign", "if (t < 32) y[0] = 1;"),
    ("atomics", "atomicAdd(y, 1.0f); atomicAdd(y, 2.0f);"),
    ("all read, nobody writes", "float v = y[0] + y[1]; y[2 + t] = v;"),
    ("a __syncwarp between", "if (t < 32) { y[t] = t; __syncwarp(); y[31 - t] = t; }"),
    ("bytes of one word, twice", "char* c = (char*)y; c[t] = t; c[t] = 2 * t; c[t] += 1;"),
    ("halves of one word, twice", "short* c = (short*)y; c[t] = t; c[t] = 2 * t; c[t] += 1;"),
]


def findings(body: str, grid: int = 1, order: str = "forward") -> list:
    """What is found in `grid` blocks of 64 threads, the body on line 2."""
    code = f'extern "C" __global__ void k(float* y) {{ int t = threadIdx.x;\n{body}\n}}'
    kernel = sim.RawKernel(code, "k")
    try:
        with sim.config(order=order):
            kernel((grid,), (64,), (sim.zeros(66, f32),))
    except sim.KernelError as error:
        return error.findings
    return kernel.report


@pytest.mark.parametrize(("name", "body"), RACES, ids=lambda text: text[:30])
def test_a_race_of_a_blocks_threads_before_a_barrier_is_found(name, body, compiler):
    for order in ("forward", "reverse", "random:7"):
        found = findings(body, order=order)
        assert {f.kind for f in found} == {"race in a block"}, order
        assert 2 in (found[0].line, found[0].line2)
        assert found[0].thread != found[0].thread2


@pytest.mark.parametrize(("name", "body"), RIGHT, ids=lambda text: text[:30])
def test_what_is_in_order_within_a_block_is_silent(name, body, compiler):
    for order in ("forward", "reverse", "random:7"):
        assert findings(body, order=order) == [], order


def test_after_its_first_barrier_a_blocks_races_go_unseen():
    assert findings("__syncthreads(); y[0] += t;") == []


def test_the_next_block_begins_before_a_barrier_again():
    body = "if (blockIdx.x == 0) __syncthreads(); else y[0] += t;"
    assert [f.block for f in findings(body, grid=2)] == [(1, 0, 0)]


def test_one_that_is_also_between_blocks_is_said_once():
    assert [f.kind for f in findings("y[0] += t;", grid=2)] == ["global race"]


# ---- variables without a value ----

SUM = """extern "C" __global__ void k(const float* x, float* y, unsigned n) {
    float sum;
    for (unsigned i = threadIdx.x; i < n; i += 32) sum += x[i];
    y[threadIdx.x] = sum;
}"""


def sums(option: str, compiler: str, monkeypatch) -> np.ndarray:
    """What 32 threads leave that add 40 ones to a variable without a value."""
    if not compilers._knows(compilers.find(compiler), option):
        pytest.skip(
            f"{compiler} does not know {option} (GCC does from 12 on): variables stay unfilled"
        )
    monkeypatch.setattr(compilers, "POISON", option)
    y = sim.zeros(32, f32)
    sim.RawKernel(SUM, "k")((1,), (32,), (sim.asarray(np.ones(40, f32)), y, np.uint32(40)))
    return sim.asnumpy(y)


def test_a_variable_without_a_value_makes_the_result_wrong(compiler, monkeypatch):
    poisoned = sums(compilers.POISON, compiler, monkeypatch)
    assert not (np.abs(poisoned) < 1e30).any()  # huge or NaN
    # the same text with another option: what was compiled before is not taken for it
    assert sums(compilers.POISON.replace("pattern", "zero"), compiler, monkeypatch).sum() == 40


def test_variables_are_filled_in_checked_launches_only(compiler):
    found = compilers.find(compiler)
    assert compilers._knows(found, compilers.POISON) == (compilers.POISON in found.flags(True))
    assert compilers.POISON not in found.flags(False)


def test_an_option_that_gcc_does_not_know_is_left_out():
    if "g++" not in sim.available():
        pytest.skip("g++ is not on this machine: only its way to refuse an option is asked here")
    assert not compilers._knows(compilers.find("g++"), "-ftrivial-auto-var-init=nonsense")
