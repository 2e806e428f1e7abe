"""What a learner reads: where the caret stands, what is said, and what to do next."""

import platform
import re
from pathlib import Path

import numpy as np
import pytest
from sim_cases import CASES
from test_sim_input import SAXPY

from mlstack_lib import sim
from mlstack_lib.sim.messages import report
from mlstack_lib.sim.runtime import KINDS
from mlstack_lib.sim.words import HINTS, TITLES

f32, i32 = np.float32, np.int32
BY_NAME = {case.name: case for case in CASES}


def message(case) -> str:
    """What is shown of a case's first finding."""
    with sim.config(check=case.check, timeout=0.5):
        findings = case.findings()
        return report("k", findings[:1])


def marked(text: str) -> list[str]:
    """The code at each caret of a message."""
    lines, found = text.split("\n"), []
    for above, line in zip(lines, lines[1:], strict=False):
        found += [above[i:] for i, char in enumerate(line) if char == "^" and line[:7].isspace()]
    return found


# name of a case, what the carets stand under, what the message says
SAID = [
    ("no barrier in the loop", ["s[t] +=", "s[t + o]"], ["in a loop a `__syncthreads()`, where"]),
    ("no barrier before the loop", ["s[t] = i", "s[t + o]"], ["between the two accesses where `__syncthreads()` is missing"]),
    ("warp tail without __syncwarp", ["s[t] +=", "s[t + o]"], ["in a loop a `__syncwarp()`"]),
    ("two writers", ["s = t"], ["and thread (31,0,0) writes it", "let one of them write"]),
    ("atomic against plain", ["s, 1.0f", "s;"], ["updates s (line 4)", "safe against atomics only"]),
    ("guard <= for <", ["x[i]"], ["reads x[1000], but x has 1000 elements, 0 to 999.", "`if (i < n)`"]),
    ("global read at -1", ["x[t - 1]"], ["reads x[-1]", "guard for the first elements"]),
    ("store past a table", ["y[t * 8 + 8]"], ["writes y[512], but y has 512 elements, 0 to 511 (its shape: 64 x 8)."]),
    ("shared table", ["tile[t / 16 + 1]"], ["tile[4][0], but tile has 4 x 17 elements (line 2)", "declaration"]),
    ("dynamic shared", ["buf[t] = 1"], ["32 elements, 0 to 31 (shared_mem=128)", "`shared_mem=elements * 4`"]),
    ("uninitialised", ["s[63 - t]"], ["reads s[0], which no thread of the block has written", "rubbish"]),
    ("barrier inside an if", ["__syncthreads();", "__syncthreads();"], ["at the barrier of line 3", "Move it out"]),
    ("two barriers on one line", ["__syncthreads(); }", "__syncthreads();"], ["at another, line 2"]),
    ("barrier skipped by leaving", ["__syncthreads"], ["k: note: ", "16 threads have left the kernel", "an early `return`"]),
    ("barrier and warp operation", ["__syncthreads", "__shfl_xor_sync"], ["the warp operation of line 2"]),
    ("mask without the own lane", ["__shfl_xor_sync"], ["lane 16 of its warp", "0x0000ffff, in which bit 16 is not set"]),
    ("shuffle from outside the mask", ["__shfl_down_sync"], ["the value of thread (16,0,0)", "takes no part"]),
    ("different operations under one mask", ["__any_sync", "__shfl_xor_sync"], ["same warp waits at line 2"]),
    ("misaligned float4", ["x + t * 4"], ["reads 16 bytes at x[1]", "4 bytes into x, no multiple of 16"]),
    ("endless loop", ["y[0] < 1e9f"], ["when the time limit of 0.5 s was over", "--timeout 60"]),
    ("stack overflow", [""], ["more than 64 KiB for its own variables"]),
    ("static shared over 48 KiB", ["__shared__"], ["take 52,000 bytes, the limit is 49,152", "max_dynamic"]),
    ("cp.async without wait", ["s[255 - t]"], ["still on its way", "Wait with a smaller N"]),
    ("assertion", ["assert"], ["For thread (63,0,0) of block (0,0,0) the condition is false."]),
    ("blocks write the same elements", ["y[t]"], ["thread (0,0,0) of block (0,0,0) writes it", "`blockIdx.x * blockDim.x"]),
    ("sum without an atomic", ["y[0]"], ["use `atomicAdd`"]),
    ("atomic against plain between blocks", ["y, 1.0f", "y[0] = 0"], ["Set the first value before the launch"]),
    ("the last block adds up without a fence", ["sums[t]", "sums[blockIdx"], ["in the next launch (or after `__threadfence()`"]),
    ("attention f32, no __syncwarp", ["ps[(ty * 4 + r) * ROW + n]", "ps[(ty * 4 + r) * ROW + tx"], ["`__syncthreads()` is missing, or `__syncwarp()` if only"]),
]  # fmt: skip


@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"),
    reason="only x86-64 stops at a division without a result: elsewhere there is nothing to say",
)
@pytest.mark.parametrize("quotient", ["t / n", "(-2147483647 - 1) / (n - 1)"])
def test_a_division_without_a_result_is_not_said_to_be_by_zero_only(quotient, compiler):
    code = f'extern "C" __global__ void k(int* y, int n) {{ int t = threadIdx.x;\ny[t] = {quotient}; }}'
    with pytest.raises(sim.KernelError, match="divides by 0, or by -1 the least") as caught:
        sim.RawKernel(code, "k")((1,), (32,), (sim.zeros(32, i32), i32(0)))
    assert [(f.kind, f.line) for f in caught.value.findings] == [("division", 2)]


@pytest.mark.parametrize(("name", "carets", "said"), SAID, ids=lambda value: str(value)[:40])
def test_a_finding_says_where_who_and_what_to_do(name, carets, said, compiler):
    text = message(BY_NAME[name])
    assert text.startswith("k: ")
    for part in said:
        assert part in text, text
    # one caret serves a line that reads and writes the same word in clang's eyes
    for caret in carets if compiler == "g++" else carets[:1]:
        assert any(code.startswith(caret) for code in marked(text)), text
    what, to_do = text.split("\n")[-2:]
    assert what[0].isupper()
    assert what.endswith(".")
    assert to_do.startswith("What to look for: ")
    assert to_do.endswith(".")


def test_every_kind_of_finding_has_a_title_and_a_hint():
    assert set(TITLES) == set(KINDS) - {""}
    assert set(HINTS) >= set(KINDS) - {""}
    assert not any(hint.endswith(".") for hint in HINTS.values())


def run(body: str, *arguments, parameters="float* y", **launch) -> str:
    """The message of one block of 64 threads, whose first line is 2."""
    code = f'extern "C" __global__ void k({parameters}) {{ int t = threadIdx.x;\n{body}\n}}'
    with pytest.raises(sim.KernelError) as caught:
        sim.RawKernel(code, "k")((1,), (64,), arguments or (sim.zeros(64, f32),), **launch)
    return str(caught.value)


def test_a_dynamic_array_without_shared_mem_is_named():
    text = run("extern __shared__ float s[]; s[t] = 1;")
    assert marked(text) == ["s[t] = 1;"]
    assert "writes s, but s has 0 elements (shared_mem=0)." in text
    assert "`shared_mem=elements * 4`" in text


def test_none_for_an_array_is_named():
    text = run("y[t] = 1;", None)
    assert "writes address 0x0, " in text
    assert "an argument of the launch that is `None`" in text


def test_a_wide_access_says_how_many_bytes_it_takes():
    text = run("float4 v = ((float4*)y)[t + 1]; y[t] = v.x;")
    assert "reads 16 bytes at y[64], but y has 64 elements" in text


def test_where_the_first_thread_leaves_an_array_the_index_is_asked_of_not_a_guard():
    text = run("y[t + 64] = 1;")
    assert "the index itself, and the bound of the loop" in text
    assert "a guard" not in text
    assert "a guard such as" in run("y[t + 1] = 1;")


def test_of_a_table_both_the_kernels_index_and_pythons_are_said():
    text = run("float4 v = *(float4*)(y + t + 9); y[t] = v.x;", sim.zeros((16, 8), f32))
    assert "at y[9] (in Python y[1, 1]), which begins 36 bytes into y" in text


def test_a_missing_barrier_is_one_message_whoever_came_first():
    code = "__shared__ float s[64];\nfor (int i = 0; i < 3; i++) {\ns[t] = i;\ny[t] = s[63 - t]; }"
    text = run(code)
    assert text.count(": error: race") == 1


def test_leaving_early_is_said_first_and_once_where_it_is_the_cause():
    body = "__shared__ float s[64]; if (t >= 20) return;\ns[t] = t; __syncthreads();\n__syncthreads(); y[t] = s[63 - t];"
    text = run(body)
    assert text.startswith(
        "k: note: some threads left the kernel before a barrier, kernel.cu line 3"
    )
    assert text.count("What to look for: an early `return`") == 1
    assert "k: error: shared memory read before it was written" in text
    assert text.endswith("k: also some threads left the kernel before a barrier, kernel.cu line 4")


def test_an_atomic_is_suggested_where_a_line_adds():
    assert run("y[0] = t;").endswith("on a GPU that varies.")
    assert run("y[0] += t;").endswith("add to one element, use `atomicAdd`.")
    assert run("for (int i = t; i < 99; i += 64) y[0] = i;").endswith("on a GPU that varies.")


def test_a_shuffle_that_some_lanes_do_not_reach_is_told_from_a_wrong_mask():
    text = run("if (t < 4) y[t] = __shfl_down_sync(0xffffffff, 1.0f, 16);")
    assert "an `if` or a `return` that keeps some lanes from this line" in text


def test_a_kernel_that_is_not_there_is_missed_in_the_file_that_the_text_names():
    with pytest.raises(sim.CompileError, match="^add.cu has no kernel 'add'"):
        sim.RawKernel(f'#define X 1\n#line 1 "add.cu"\n{SAXPY}', "add")
    with pytest.raises(sim.CompileError, match="^add.cu has no kernel 'add'"):
        sim.RawKernel('#define X 1\n#line 1 "add.cu"\n', "add")


def test_code_behind_a_shared_declaration_keeps_its_columns(compiler):
    text = run("__shared__ float s[64]; s[t] = 0; __syncthreads();\n"
               "__shared__ int z; if (t < 1) z = 0; __syncthreads(); y[t] = t / z;",
               sim.zeros(64, i32), parameters="int* y")  # fmt: skip
    assert marked(text)[0].startswith("/ z" if compiler == "g++" else ("t / z", "/ z"))


# ---- what a beginner writes wrong ----

WRONG = [  # what is replaced in saxpy by what, what the caret stands under, what is said
    ("threadIdx", "thredIdx", "thredIdx", ["kernel.cu line 2: ", "did you mean", "threadIdx"]),
    ("threadIdx.x", "threadIdx", "+", ["three parts, .x, .y and .z"]),
    ("threadIdx.x", "threadIdx.X", "X;", ["'X'", "three parts"]),
    ("x[i];", "x[i]", "", ["expected", "ends with `;`"]),
    ("}\n", "\n", "{", ["expected '}'", "this `{` is never closed"]),
    ("(i < n)", "(i < n", "", ["line 3: expected", "a `(` is not closed"]),
    ("__global__ ", "", None, ['line 1: saxpy is no kernel; write `extern "C" __global__ void saxpy(...)`']),
    ("__global__", "_global_", None, ["line 1: saxpy is no kernel"]),
    ('extern "C" ', "", None, ["C++ gives this kernel a longer name", 'write `extern "C"']),
    ("void ", "", "saxpy(", ["of a kernel nothing does, `void`"]),
    ("void", "int", None, ["kernel saxpy returns int, which nothing can take", "results go into arrays"]),
    ("i < n", "idx < n", "idx", ["'idx'", "is it spelt as there"]),
    ("int i", "i", "i =", ["'i'", "with its type"]),
    ("a * x[i]", "std::max(a, x[i])", "", ["there are `max`", "without `std::`"]),
    ("a * x[i]", "a ** x[i]", "*", ["C has no `**`"]),
    ("y[i] +=", "x[i] =", "=", ["`const` can only be read"]),
    ("int n", "i32 n", "i32", ["C calls these types `float`"]),
    ("{\n", "{ # guard\n", None, []),
    ("int i", "__syncthread(); int i", "__syncthread(", ["did you mean `__syncthreads`?"]),
    ("int i", "__syncthreads; int i", "__syncthreads;", ["a call has parentheses"]),
    ("a * x[i]", "__shfl_down(a, 1)", "__shfl_down", ["these names end in `_sync`"]),
    ("y[i] += a", "atomicAdd(y[i], a); a", "", ["an address, `atomicAdd(&y[0], 1.0f)`"]),
    ("int i", "__shared__ float s[n]; int i", "", ["must be known", "extern __shared__ float s[];"]),
    ("int i", "cudaMalloc(&x, 4); int i", "cudaMalloc", ["Python allocates"]),
    ("int i", "float m = INFINITY; int i", "INFINITY", ["no <math.h>"]),
    ("x[i];", "x[i][0];", "", ["a pointer takes one index", "`x[row * columns + column]`"]),
    ("a * x[i]", "sqrtf(x)", "", ["a number is wanted here", "`x[0]`"]),
    ("a * x[i]", "(int)sqrtf[i]", "", ["a function", "parentheses: `column(i)`"]),
    ("if (i < n)", "if i < n:", "", ["into parentheses, and no colon", "`if (i < n)`"]),
    ("int i", "for j in range(n): int i", "", ["into parentheses", "for (unsigned i = 0;"]),
    ("a * x[i]", "a * __shfl_down_sync(x[i], 4)", "", ["the mask of the lanes", "comes first"]),
    ("int i", "const float4* x4 = x; int i", "", ["= reinterpret_cast<const float4*>(x);`"]),
    ("int i", "float4 v = x[0]; int i", "", ["a float4 is four floats", "one by one"]),
    ("int i", "float s = 0; s += *(const float4*)x; int i", "", ["v.x, v.y, v.z and v.w"]),
    ("int i", "float4 v; v += *(const float4*)x; int i", "", ["a float4 is four floats"]),
    ("int i", "float s = *(const float4*)x; int i", "", ["a float4 is four floats"]),
    ("int i", "float4 v; v = x[0]; int i", "", ["a float4 is four floats"]),
    ("int i", "float4 v = *(const float4*)x; float s = v[0]; int i", "", ["a float4 is four floats"]),
    ("int i", "float4 v; v = (float4)x[0]; int i", "", ["a float4 is four floats"]),
    ("int i", "unsigned p = 1; p = p XOR 3; int i", "", ["XOR is written `^`"]),
    ("int i", "auto v = reinterpret_cast<float4*>(x); int i", "", ["what is `const` stays so"]),
    ("int i", "int j = BLOCK; int i", "BLOCK", ["a constant that the launch gives", "-D BLOCK=128"]),
    ("int i", "__shared__ tile[4][5]; int i", None, ["line 2: the type is missing", "float tile"]),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "caret", "said"), WRONG, ids=lambda value: str(value)[:25])
def test_a_beginners_mistake_is_answered_by_what_to_write(old, new, caret, said, compiler):
    with pytest.raises(sim.CompileError) as caught:
        sim.RawKernel(SAXPY.replace(old, new, 1), "saxpy").compile()
    text = str(caught.value)
    for part in said:
        assert part in text, text
    if caret is not None:
        assert marked(text)[0].startswith(caret), text
    assert not any(word in text for word in ("__sim", "[-W", "exports", "/include/")), text
    assert text.count("\n") < 8


HEADERS = [
    ("<stdio.h>", "functions such as expf are there by themselves"),
    ("<cmath>", "functions such as expf are there by themselves"),
    ("<iostream>", "leave the line out"),
    ("<cuda_runtime.h>", "what a kernel needs of CUDA is there by itself"),
    ('"common.cuh"', '`options=("-Ifolder",)`'),
]


@pytest.mark.parametrize(("header", "said"), HEADERS, ids=lambda value: value[:20])
def test_of_a_header_that_is_not_there_it_is_said_what_to_do(header, said, compiler):
    with pytest.raises(sim.CompileError) as caught:
        sim.RawKernel(f"#include {header}\n{SAXPY}", "saxpy").compile()
    first, *_, hint = str(caught.value).split("\n")
    assert first == f"kernel.cu line 1: there is no header {header[1:-1]}"
    assert hint.startswith("Hint: ")
    assert said in hint


def test_text_and_name_in_the_wrong_order_are_told_apart():
    with pytest.raises(sim.CompileError, match="takes the text first and the kernel's name second"):
        sim.RawKernel("saxpy", SAXPY)
    with pytest.raises(sim.LaunchError, match="text is of type bytes, must be str"):
        sim.RawKernel(SAXPY.encode(), "saxpy")


# ---- the page ----


def test_the_pages_example_gives_the_message_and_the_profile_it_shows(compiler):
    page = (Path(sim.__file__).parent / "README.md").read_text(encoding="utf-8")
    fences = re.findall(r"```(\w*)\n(.*?)```", page, re.DOTALL)
    (program, shown), (table, _) = fences[:2], fences[2:4]
    program = program[1].replace(
        "from mlstack_lib import cuda", "from mlstack_lib import sim as cuda"
    )
    with pytest.raises(sim.KernelError) as caught:
        exec(program, {})
    assert str(caught.value) == shown[1].rstrip()
    names = {}
    exec(program.replace("<=", "<"), names)
    assert str(names["k"].profile()).startswith(table[1].rstrip())
