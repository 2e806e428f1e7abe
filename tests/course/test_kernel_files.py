"""Kernel exercises: the learner's file is judged by its results and by what the simulator finds."""

from dataclasses import replace
from functools import partial

import ml_dtypes
import numpy as np
import pytest

from mlstack_lib import cuda, sim
from mlstack_lib.course import judging, kernel_files
from mlstack_lib.course.judging import exercise, judge
from mlstack_lib.course.kernel_cases import InOut, KernelCase, Output
from mlstack_lib.course.kernel_files import KernelFile, mine, solution
from mlstack_lib.course.seal import seal

NAME = "99.1 double"
RIGHT = """extern "C" __global__ void twice(const float* x, float* y, float* sum, unsigned n) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = FACTOR * x[i];
    if (i == 0) sum[0] += n;
}
"""
WRONG = {
    "no guard": ("if (i < n) y", "y", "twice.cu line 3"),
    "another factor": ("FACTOR", "3", "y[0] is "),
    "a note on a right result": (
        "}\n",
        "    if (i > 2) return;\n    __syncthreads();\n}\n",
        "right, but some threads left the kernel before a barrier, twice.cu line 6",
    ),
    "a note on a wrong result": (
        "FACTOR",
        "3 * FACTOR; if (i > 2) return; __syncthreads(); y[i] = 3",
        "And some threads left the kernel before a barrier, twice.cu line 3",
    ),
    "a variable without a value": (
        "if (i < n) y[i] = FACTOR * x[i]",
        "float off; if (n > 99) off = x[0]; if (i < n) y[i] = FACTOR * x[i] + off",
        "Does `off` begin with a value?",
    ),
    "too short": ("i < n", "i + 1 < n", "y[4] is nan, want"),
    "changes what it reads": (
        "if (i == 0)",
        "if (i == 0) ((float*)x)[0] = 7; if (i == 0)",
        "it changed `x`",
    ),
    "does not compile": ("unsigned i =", "unsigned i", "twice.cu line 2"),
    "no such entry": ("void twice", "void thrice", "thrice"),
}


def kernel(old: str = "", new: str = "") -> KernelFile:
    assert old in RIGHT
    return KernelFile("twice", RIGHT.replace(old, new), "kernels/twice.cu")


@pytest.fixture(autouse=True)
def double(monkeypatch):
    """An exercise of a chapter that is not."""
    monkeypatch.setattr(judging, "_checks", {})

    @exercise(NAME)
    def check_double(mine):
        case = KernelCase("n = 5, a block of 32", "is there a thread for each element?")
        x = np.arange(1, 6, dtype=np.float32)
        y, total = case.launch(
            mine, (1,), (32,), x, Output((5,)), InOut(np.ones(1, np.float32)), np.uint32(5),
            FACTOR=2,
        )  # fmt: skip
        case.equal(y, 2 * x, "y")
        case.equal(total, np.full(1, 6, np.float32), "sum")
        return "5 numbers"


def test_a_right_kernel_is_ok():
    assert str(judge(NAME, kernel())) == f"[ok] {NAME}: 5 numbers"


def test_a_stub_is_to_do_and_its_file_is_named():
    stub = kernel("if (i < n)", "// YOUR CODE HERE (1 line); delete this line\n")
    verdict = judge(NAME, replace(stub, text=seal(stub.text)))
    assert str(verdict) == f"[todo] {NAME}: not written yet: kernels/twice.cu"


def test_a_stub_that_was_written_in_is_told_of_the_line_that_is_still_there():
    stub = kernel("if (i < n)", "// YOUR CODE HERE (1 line); delete this line\n")
    written = seal(stub.text).replace("sum[0] += n", "sum[0] += 2 * n")
    verdict = judge(NAME, replace(stub, text=written))
    assert verdict.status == "no"
    assert "`YOUR CODE HERE` is still there, line 3 of kernels/twice.cu" in verdict.message


@pytest.mark.parametrize(("old", "new", "says"), WRONG.values(), ids=WRONG)
def test_a_wrong_kernel_is_refused_with_a_message(old, new, says):
    verdict = judge(NAME, kernel(old, new))
    assert verdict.status == "no"
    assert says in verdict.message


def test_a_finding_quotes_the_line_and_ends_in_the_case():
    lines = judge(NAME, kernel("if (i < n) y", "y")).message.splitlines()
    assert any("y[i] = FACTOR * x[i];" in line for line in lines)
    assert lines[-1].startswith("Case: n = 5, a block of 32. Look: is there a thread")


def test_a_kernel_file_is_launched_like_a_kernel_of_cupy():
    x, total = cuda.asarray(np.ones(3, np.float32)), cuda.zeros(1, np.float32)
    y = cuda.empty(3, np.float32)
    kernel()((1,), (32,), (x, y, total, np.uint32(3)), FACTOR=5)
    assert cuda.asnumpy(y).tolist() == [5, 5, 5]
    assert kernel().compiled(FACTOR=5) is kernel().compiled(FACTOR=5)
    assert kernel().compiled(FACTOR=5).profile().rows


@pytest.mark.parametrize(("steps", "fine"), [(0, True), (1, True), (3, False)])
def test_a_result_in_bf16_may_round_to_its_neighbour_on_the_gpu(steps, fine, monkeypatch):
    text = """extern "C" __global__ void k(const unsigned short* x, unsigned short* y) {
        unsigned i = threadIdx.x;
        if (i < 5) y[i] = x[i] + STEPS * (i == 2);
    }"""

    class OnBoth:
        """The simulator stands in for the GPU, where one number is some steps of bf16 off."""

        name = "k"

        def compiled(self, library, **constants):
            off = 0 if library is sim else steps
            return KernelFile("k", text, "kernels/k.cu").compiled(sim, STEPS=off)

    monkeypatch.setattr(cuda, "on_gpu", True)
    x = np.linspace(1, 1.9, 5).astype(ml_dtypes.bfloat16)
    launch = partial(KernelCase("n = 5").launch, OnBoth(), (1,), (32,), x, Output((5,), x.dtype))
    if fine:
        assert launch()[0].tobytes() == x.tobytes()
    else:
        with pytest.raises(judging.Wrong, match="output 0 on the GPU"):
            launch()


@pytest.mark.parametrize(("gpus", "fine"), [("x[0] / x[0]", True), ("0.0f", False)])
def test_nan_on_the_gpu_is_right_where_the_simulator_has_it_too(gpus, fine, monkeypatch):
    text = """extern "C" __global__ void k(const float* x, float* y) { y[0] = VALUE; }"""

    class OnBoth:
        """The simulator stands in for the GPU, where the kernel may give another number."""

        name = "k"

        def compiled(self, library, **constants):
            value = "x[0] / x[0]" if library is sim else gpus
            return KernelFile("k", text, "kernels/k.cu").compiled(sim, VALUE=value)

    monkeypatch.setattr(cuda, "on_gpu", True)
    zero = np.zeros(1, np.float32)
    launch = partial(KernelCase("x = 0").launch, OnBoth(), (1,), (1,), zero, Output((1,)))
    if fine:
        assert np.isnan(launch()[0][0])
    else:
        with pytest.raises(judging.Wrong, match="output 0 on the GPU"):
            launch()


@pytest.mark.parametrize(("there", "here", "says"), [
    ("6.0f", "6.0f", "y[0] is 6, want 5"),
    ("7.0f", "6.0f", "y[0] is 6, want 5"),
    ("6.0f", "5.0f", "output 0 on the GPU (want: in the simulator)[0] is 6, want 5"),
])  # fmt: skip
def test_what_is_wrong_in_the_simulator_is_said_before_what_a_gpu_gives(
    there, here, says, monkeypatch
):
    text = """extern "C" __global__ void k(float* y) { y[0] = VALUE; }"""

    class OnBoth:
        """The simulator stands in for the GPU, where the kernel may give another number."""

        name = "k"

        def compiled(self, library, **constants):
            value = here if library is sim else there
            return KernelFile("k", text, "kernels/k.cu").compiled(sim, VALUE=value)

    def check(kernel):
        case = KernelCase("n = 1")
        case.equal(case.launch(kernel, (1,), (1,), Output((1,)))[0], np.float32([5]), "y")

    monkeypatch.setattr(cuda, "on_gpu", True)
    monkeypatch.setattr(judging, "_check_of", lambda name: check)
    verdict = judge("8.1 five", OnBoth())
    assert (verdict.status, judging.gpu_too.get()) == ("no", True)
    assert says in verdict.message


def test_an_output_in_bf16_begins_as_nan():
    assert np.isnan(Output((2,), ml_dtypes.bfloat16).array().astype(np.float32)).all()


# ---- where the files are ----


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A repository with a stub and a solution; the working folder is that of its chapters."""
    for folder, text in (("kernels", "stub"), ("solutions/kernels", "solved")):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "k.cu").write_text(text, encoding="utf-8")
    (tmp_path / "chapters").mkdir()
    monkeypatch.setattr(kernel_files, "ROOT", tmp_path)
    monkeypatch.delenv(kernel_files.FOLDER, raising=False)
    monkeypatch.chdir(tmp_path / "chapters")
    return tmp_path


def test_a_chapter_takes_the_learners_file_and_a_solved_one_the_solution(place, monkeypatch):
    assert (mine("k").text, solution("k").text) == ("stub", "solved")
    monkeypatch.chdir(place / "solutions")
    assert mine("k").text == "solved"


def test_a_variable_names_another_folder_or_none(place, monkeypatch):
    monkeypatch.setenv(kernel_files.FOLDER, str(place / "solutions" / "kernels"))
    assert mine("k").text == "solved"
    monkeypatch.setenv(kernel_files.FOLDER, "")
    with pytest.raises(NotImplementedError, match=r"kernels/k.cu still has its line"):
        mine("k").compiled()


def test_a_lost_file_is_named_with_how_to_get_it_back(place):
    with pytest.raises(FileNotFoundError, match="git checkout -- kernels/other.cu"):
        mine("other")
