"""`mlstack simulate`, and what a notebook shows."""

import json
import re
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
from chapter_kernels import CONSTANTS, CONSTANTS_OF, ROOT
from nbclient import NotebookClient
from sim_kernels import FOLDER

from mlstack_lib import cli
from mlstack_lib.kernels import redefines_common
from mlstack_lib.sim.command import _kernel

TREE = ["simulate", str(FOLDER / "reduce.cu"), "reduce_tree", "--grid", "4", "--block", "256"]
GOOD = ["--arg", "arange:1000", "--arg", "empty:4", "--arg", "1000"]


def mlstack(capsys, *words):
    """(exit status, stdout, stderr) of a command."""
    status = cli.main([str(word) for word in words])
    return status, *capsys.readouterr()


def test_a_right_kernel_gives_its_profile_and_status_0(capsys, tmp_path):
    status, output, errors = mlstack(capsys, *TREE, *GOOD, "--save", tmp_path / "out")
    assert (status, errors) == (0, "")
    assert "reduce_tree: 4 blocks; 36 barriers" in output
    assert "32640" in output
    sums = np.load(tmp_path / "out" / "out.npy")
    assert sums.sum() == 999 * 500


def test_findings_give_status_1_and_the_profile_as_well(capsys):
    status, output, _ = mlstack(capsys, *TREE, "--arg", "arange:999", *GOOD[2:])
    assert status == 1
    assert "index out of range, reduce.cu line 9" in output
    assert "x has 999 elements, 0 to 998" in output
    assert "line  access" in output


def test_arrays_come_from_files(capsys, tmp_path):
    np.save(tmp_path / "x.npy", np.full(1000, 2, np.float32))
    status, output, _ = mlstack(
        capsys, *TREE, "--arg", tmp_path / "x.npy", *GOOD[2:], "--unchecked"
    )
    assert status == 0
    assert "out: float32 (4,), 464 to 512" in output


BAD = [
    (["simulate", "nowhere.cu", "k", "--grid", "1", "--block", "1"], "no file nowhere.cu"),
    ([*TREE[:2], "reduce_bush", *TREE[3:]], "no kernel 'reduce_bush'"),
    (
        [*TREE, "--arg", "1"],
        "takes 3 arguments \\(x, out, n\\), so --arg must be given that often .*, not 1 times",
    ),
    ([*TREE, "--arg", "arange:ten", *GOOD[2:]], "shape must be like 1000 or 64x32"),
    ([*TREE, "--arg", "arange:10:f99", *GOOD[2:]], "dtypes are f32"),
    ([*TREE, "--arg", "missing.npy", *GOOD[2:]], "cannot read missing.npy"),
    ([*TREE, *GOOD[:4], "--arg", "1.5"], "whole number"),
    ([*TREE, *GOOD[:4], "--arg", "many"], "--arg 'many' must be"),
    ([*TREE, "--arg", "3", *GOOD[2:]], "takes an array"),
    ([*TREE, *GOOD[:4], "--arg", "inf"], "whole number of 32 bits"),
    ([*TREE, *GOOD[:4], "--arg", "4294967296"], "whole number of 32 bits"),
    ([*TREE, "--arg", "arange:10:U5", *GOOD[2:]], "dtypes are f32"),
    ([*TREE, *GOOD, "--timeout", "0"], "--timeout is 0, must be more than 0 seconds"),
    ([*TREE, *GOOD, "--order", "up"], "random:SEED"),
    ([*TREE, *GOOD, "--compiler", "gcc"], "compiler 'gcc' is not known"),
    ([*TREE[:4], "none", *TREE[5:], *GOOD], "--grid is 'none'"),
]


@pytest.mark.parametrize(("words", "message"), BAD, ids=lambda value: str(value)[-40:])
def test_bad_input_is_one_line_and_status_2(words, message, capsys):
    status, output, errors = mlstack(capsys, *words)
    assert status == 2
    assert output == ""
    assert errors.startswith("mlstack: ")
    assert re.search(message, errors)
    assert errors.count("\n") == 1


def test_a_file_that_does_not_compile_gives_the_line_and_status_2(capsys, tmp_path):
    file = tmp_path / "wrong.cu"
    file.write_text('extern "C" __global__ void k(float* y) {\n  y[0] = nothing;\n}\n')
    status, _, errors = mlstack(
        capsys, "simulate", file, "k", "--grid", "1", "--block", "1", "--arg", "ones:1"
    )
    assert status == 2
    assert "wrong.cu line 2" in errors


def test_a_file_that_is_no_text_is_refused(capsys, tmp_path):
    file = tmp_path / "kernel.cu"
    file.write_bytes(b"\xff\xfe\x00")
    status, _, errors = mlstack(capsys, "simulate", file, "k", "--grid", "1", "--block", "1")
    assert (status, errors) == (2, f"mlstack: simulate: {file} is no text in UTF-8\n")


# ---- as in the course ----

COURSE = sorted((ROOT / "solutions" / "kernels").glob("*.cu"))


@pytest.mark.parametrize("file", COURSE, ids=lambda file: file.stem)
def test_every_kernel_of_the_course_can_be_simulated(file):
    defines = [f"{k}={v}" for k, v in CONSTANTS_OF.get(file.stem, CONSTANTS).items()]
    _kernel(SimpleNamespace(file=file, entry=file.stem, D=defines)).compile()


def test_the_command_of_chapter_08_runs(capsys):
    text = (ROOT / "chapters" / "src" / "08_first_kernels.py").read_text(encoding="utf-8")
    (command,) = re.findall(r"mlstack simulate (kernels/max_vector\.cu .*)", text)
    words = command.replace("max_vector", "sum_vector").split()
    words[0] = ROOT / "solutions" / words[0]
    status, output, _ = mlstack(capsys, "simulate", *words)
    assert status == 0
    assert "parts: float32 (2,)" in output
    assert "NaN" not in output


CLASHES = [
    "__device__ float block_sum(float v, float* s) { return v; }",
    "__device__ __forceinline__ float warp_sum(float v) { return v; }",
    "template <int N>\n__device__ int gelu(int v) { return v; }",
    "const int STEP = 4;",
    "enum { FIRST, CLIP };",
]
BESIDE = [
    "__device__ float twice(float v) { return 2 * v; }",
    "// block_sum is not used",
    "#define STEP 3",
]


@pytest.mark.parametrize("own", CLASHES + BESIDE, ids=lambda text: text[:30])
def test_a_file_may_define_what_common_cuh_has(own, capsys, tmp_path):
    file = tmp_path / "own.cu"
    file.write_text(f'{own}\nextern "C" __global__ void k(float* y) {{\n  y[9] = 1;\n}}\n')
    status, output, errors = mlstack(
        capsys, "simulate", file, "k", "--grid", "1", "--block", "1", "--arg", "ones:1"
    )
    assert (status, errors) == (1, "")
    assert f"own.cu line {3 + own.count(chr(10))}" in output
    assert redefines_common(own) == (own in CLASHES)


def test_a_number_becomes_what_the_parameter_is(capsys, tmp_path):
    file = tmp_path / "numbers.cu"
    file.write_text('extern "C" __global__ void k(unsigned* y, unsigned n, float f, long long l) {\n'
                    "  y[0] = n; y[1] = f; y[2] = l >> 40;\n}\n")  # fmt: skip
    numbers = ["4294967295", "1e3", str(5 << 40)]
    words = [word for number in numbers for word in ("--arg", number)]
    status, *_ = mlstack(capsys, "simulate", file, "k", "--grid", "1", "--block", "1", "--arg",
                         "zeros:3:u32", *words, "--save", tmp_path)  # fmt: skip
    assert status == 0
    assert np.load(tmp_path / "y.npy").tolist() == [2**32 - 1, 1000, 5]


# ---- in a notebook ----

CELLS = {
    "compile": """sim.RawKernel('extern "C" __global__ void k(float* y) { y[0] = }', "k").compile()""",
    "race": """
k = sim.RawKernel('extern "C" __global__ void k(float* y) {\\n  __shared__ float s[64];\\n'
                  '  s[threadIdx.x] = 1;\\n  y[threadIdx.x] = s[63 - threadIdx.x];\\n}', "k")
y = sim.zeros(64, np.float32)
k((1,), (64,), (y,))""",
    "profile": "print(k.report[0].kind)\nk.profile()",
    "launch": "k((1,), (64,), (1.0,))",
    "again": "y[0] = 5; print(float(y[0]))",
}


def test_a_notebook_shows_the_message_alone_and_goes_on(simulator_cache):
    cells = ["import numpy as np\nfrom mlstack_lib import sim", *CELLS.values()]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, allow_errors=True, timeout=60).execute()
    outputs = {name: cell.outputs for name, cell in zip(CELLS, notebook.cells[1:], strict=True)}
    for name in ("race", "compile", "launch"):
        (error,) = outputs[name]
        assert error.output_type == "error"
        assert "Traceback" not in json.dumps(error.traceback)
        assert "ipython-input" not in json.dumps(error.traceback)
    assert (
        outputs["race"][0]
        .traceback[0]
        .startswith("k: error: race in shared memory, kernel.cu line 3")
    )
    assert any("^" in line for line in outputs["race"][0].traceback)
    assert outputs["profile"][0].text == "race\n"
    assert "<table>" in outputs["profile"][1].data["text/html"]
    assert outputs["again"][0].text == "5.0\n"
