"""A kernel with several places to fill is judged piece by piece."""

import re

import pytest

from mlstack_lib.course import seal
from mlstack_lib.course.judging import OtherOnGpu, judge
from mlstack_lib.course.kernel_files import KernelFile, mine, solution
from mlstack_lib.course.kernel_stubs import made
from mlstack_lib.course.pieces import ROOT, check_by_pieces

NAME, KERNEL = "9.9 matmul_bf16", "matmul_bf16"
PLACE = "    part ^= row % 8;\n"
WAIT = "        cp_async_wait<STAGES - 2>();\n        __syncthreads();\n"
SWAPPED = "        __syncthreads();\n        cp_async_wait<STAGES - 2>();\n"


@pytest.fixture(scope="module")
def stub() -> str:
    """The kernel's file as a learner gets it."""
    return next(text for file, text, _ in made(ROOT) if file == ROOT / f"kernels/{KERNEL}.cu")


def written(text: str, *pieces: str) -> KernelFile:
    """The file with `pieces` in the first places; an empty one stays as it is."""
    markers = re.findall(r".*YOUR CODE HERE.*\n", text)
    for marker, piece in zip(markers, pieces, strict=False):
        text = text.replace(marker, piece or marker, 1)
    return KernelFile(KERNEL, text, f"kernels/{KERNEL}.cu")


@pytest.mark.parametrize(
    ("pieces", "says"),
    [
        ((PLACE,), "right so far (place). Still to write: the wait, the products"),
        (("", WAIT), "right so far (the wait). Still to write: place, the products"),
        ((PLACE, WAIT), "right so far (place, the wait). Still to write: the products"),
    ],
)
def test_what_is_right_so_far_is_said(stub, pieces, says):
    verdict = judge(NAME, written(stub, *pieces))
    assert (verdict.status, verdict.message) == ("no", says)


def test_a_wrong_piece_is_named_while_others_are_missing_and_no_solution_is_quoted(stub):
    verdict = judge(NAME, written(stub, "", SWAPPED))
    assert verdict.status == "no"
    assert "copy has arrived" in verdict.message
    assert "Look in the wait" in verdict.message
    assert "fragment_a" not in verdict.message


def test_of_two_written_pieces_the_wrong_one_is_named(stub):
    message = judge(NAME, written(stub, PLACE, SWAPPED)).message
    assert "Look in the wait" in message
    message = judge(NAME, written(stub, "    part ^= row;\n", WAIT)).message
    assert "Look in place" in message


def test_a_message_names_the_line_of_the_learners_own_file(stub):
    wrong = written(stub, "", "        cp_async_wait<STAGE>();\n")
    line = 1 + wrong.text[: wrong.text.index("<STAGE>")].count("\n")
    assert f"{KERNEL}.cu line {line}: " in judge(NAME, wrong).message


def test_given_lines_that_were_changed_are_pointed_at(stub):
    text = seal.without(solution(KERNEL).text)
    changed = text.replace("k / 8 + lane / 16", "k / 8 + lane / 8")
    assert changed != text
    message = judge(NAME, KernelFile(KERNEL, changed, f"kernels/{KERNEL}.cu")).message
    assert f"Lines around yours were changed too: `git diff kernels/{KERNEL}.cu`" in message


def test_a_file_with_no_piece_written_is_still_to_do(stub, monkeypatch):
    assert judge(NAME, written(stub)).status == "todo"
    monkeypatch.setenv("MLSTACK_KERNELS", "")
    assert judge(NAME, mine(KERNEL)).status == "todo"


def test_a_difference_on_a_gpu_stays_one_when_it_gets_its_look():
    def check(kernel):
        raise OtherOnGpu("c is another.")

    looks = {"place": "the row", "the wait": "the order", "the products": "the halves"}
    full = KernelFile(KERNEL, seal.without(solution(KERNEL).text), f"kernels/{KERNEL}.cu")
    with pytest.raises(OtherOnGpu, match="c is another. Look in place: the row."):
        check_by_pieces(full, looks, check)
