"""A kernel's file is searched in order, stubs do not count, and its text is put together."""

import pytest

from mlstack_lib import kernels


@pytest.fixture
def packaged(tmp_path, monkeypatch):
    """A packaged folder with both common parts and a kernel `double`, in both languages."""
    folder = tmp_path / "packaged"
    folder.mkdir()
    for suffix, common in ((".cu", "common.cuh"), (".wgsl", "common.wgsl")):
        (folder / common).write_text(f"common {suffix}", encoding="utf-8")
        (folder / f"double{suffix}").write_text(f"packaged double {suffix} é", encoding="utf-8")
    monkeypatch.setattr(kernels, "PACKAGED", folder)
    monkeypatch.setattr(kernels, "search_path", [folder])
    return folder


@pytest.fixture
def mine(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    return folder


def test_the_packaged_folder_is_the_default_and_exists():
    assert kernels.search_path == [kernels.PACKAGED]


@pytest.mark.parametrize("suffix", [".cu", ".wgsl"])
def test_the_packaged_file_serves_a_kernel(packaged, suffix):
    assert kernels.find("double", suffix) == packaged / f"double{suffix}"


@pytest.mark.parametrize("as_text", [False, True])
def test_the_learners_folder_wins_within_the_block_only(packaged, mine, as_text):
    file = mine / "double.cu"
    file.write_text("mine", encoding="utf-8")
    with kernels.folder_first(str(mine) if as_text else mine):
        assert kernels.find("double", ".cu") == file
        assert kernels.find("double", ".wgsl") == packaged / "double.wgsl"
    assert kernels.find("double", ".cu") == packaged / "double.cu"


def test_the_folder_is_taken_off_the_path_after_an_error(packaged, mine):
    with pytest.raises(KeyError), kernels.folder_first(mine):
        raise KeyError
    assert kernels.search_path == [packaged]


def test_of_two_folders_the_inner_one_wins(packaged, mine, tmp_path):
    for folder in (mine, tmp_path):
        (folder / "double.cu").write_text("x", encoding="utf-8")
    with kernels.folder_first(mine):
        with kernels.folder_first(tmp_path):
            assert kernels.find("double", ".cu").parent == tmp_path
        assert kernels.find("double", ".cu").parent == mine


@pytest.mark.parametrize(
    "line", ["// YOUR CODE HERE (3 lines)", "YOUR CODE HERE", "a\n\nYOUR CODE HERE\n"]
)
def test_a_stub_counts_as_absent(packaged, mine, line):
    stub = mine / "double.cu"
    stub.write_text(line, encoding="utf-8")
    assert kernels.is_stub(stub)
    with kernels.folder_first(mine):
        assert kernels.find("double", ".cu") == packaged / "double.cu"
    stub.write_text("your code here", encoding="utf-8")
    assert not kernels.is_stub(stub)


def test_a_folder_named_like_a_kernel_is_not_one(packaged, mine):
    (mine / "double.cu").mkdir()
    with kernels.folder_first(mine):
        assert kernels.find("double", ".cu") == packaged / "double.cu"


@pytest.mark.parametrize("suffix", [".cu", ".wgsl"])
def test_a_missing_kernel_is_named_with_all_folders_searched(packaged, mine, suffix):
    (mine / f"triple{suffix}").write_text("YOUR CODE HERE", encoding="utf-8")
    with kernels.folder_first(mine), pytest.raises(NotImplementedError) as caught:
        kernels.find("triple", suffix)
    assert str(caught.value).startswith(f"triple: no {suffix} kernel of that name")
    assert str(caught.value).endswith(f"looked in {mine}, {packaged}")


def test_cuda_text_is_the_constants_then_the_common_part_then_the_kernel(packaged):
    text = kernels.assemble("double", ".cu", {"TILE": 32, "EPS": 1e-5})
    assert text == (
        '#define TILE 32\n#define EPS 1e-05\n#line 1 "common.cuh"\ncommon .cu\n'
        '#line 1 "double.cu"\npackaged double .cu é'
    )


def test_wgsl_text_is_the_kernel_then_its_constants_then_the_common_part(packaged):
    text = kernels.assemble("double", ".wgsl", {"TILE": 32, "EPS": 1e-5})
    assert text == (
        "packaged double .wgsl é\nconst TILE: u32 = 32u;\nconst EPS: f32 = 1e-05;\ncommon .wgsl"
    )


def test_the_text_is_of_the_learners_kernel_and_the_packaged_common_part(packaged, mine):
    for name in ("double.cu", "common.cuh"):
        (mine / name).write_text(f"my {name}", encoding="utf-8")
    with kernels.folder_first(mine):
        assert kernels.assemble("double", ".cu", {}) == (
            '#line 1 "common.cuh"\ncommon .cu\n#line 1 "double.cu"\nmy double.cu'
        )


def test_an_include_is_replaced_by_the_packaged_text_before_the_lines_are_counted(packaged, mine):
    (packaged / "tile.cuh").write_text("the tile", encoding="utf-8")
    (mine / "double.cu").write_text('first\n#include "tile.cuh"\nthird', encoding="utf-8")
    with kernels.folder_first(mine):
        text = kernels.assemble("double", ".cu", {})
    assert text == (
        '#line 1 "common.cuh"\ncommon .cu\n#line 1 "tile.cuh"\nthe tile\n'
        '#line 1 "double.cu"\nfirst\n\nthird'
    )


def test_what_a_wgsl_file_includes_comes_behind_it(packaged, mine):
    (packaged / "tile.wgsl").write_text("the tile", encoding="utf-8")
    (mine / "double.wgsl").write_text("first\n// include tile.wgsl\nthird", encoding="utf-8")
    with kernels.folder_first(mine):
        text = kernels.assemble("double", ".wgsl", {})
    assert text == "first\n// include tile.wgsl\nthird\ncommon .wgsl\nthe tile"
