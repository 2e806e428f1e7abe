"""Training on a chapter's kernels: each file is laid out under the package's name."""

from mlstack_lib.course.kernel_files import KernelFile
from mlstack_lib.course.on_path import _lay_out


def test_a_rung_is_laid_out_under_the_packages_name(tmp_path):
    text = "void layernorm_warp(float* y) {}  // not layernorm_warps"
    kernel = KernelFile("layernorm_warp", text, "kernels/layernorm_warp.cu")
    folder = _lay_out(tmp_path / "yours", {"layernorm_forward": kernel})
    assert [file.name for file in folder.iterdir()] == ["layernorm_forward.cu"]
    said = (folder / "layernorm_forward.cu").read_text(encoding="utf-8")
    assert said == "void layernorm_forward(float* y) {}  // not layernorm_warps"


def test_without_files_there_is_no_folder(tmp_path):
    assert _lay_out(tmp_path / "yours", {}) is None
