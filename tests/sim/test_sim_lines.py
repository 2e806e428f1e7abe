"""The line reader against addr2line, and on a Mach-O file made by cross-compiling."""

import re
import shutil
import subprocess

import pytest
from sim_kernels import SMALL, text

from mlstack_lib import sim
from mlstack_lib.kernels import PACKAGED
from mlstack_lib.sim.build import INCLUDE, kernel_library
from mlstack_lib.sim.compilers import find
from mlstack_lib.sim.lines import Lines
from mlstack_lib.sim.shared_pass import KERNEL_FILE
from mlstack_lib.sim.source import Source

# Calls that carry no line of their own; the wrappers of warp operations and atomics pass it.
HOOK = re.compile(r"^\s*([0-9a-f]+):.*call.*<(__tsan_(?:read|write)\w*)@plt>")
RETURN = re.compile(r"^\s*([0-9a-f]+):")


def call_sites(library) -> dict[int, str]:
    """Return address of each call of a hook, and the hook."""
    listing = subprocess.run(["objdump", "-d", "--no-show-raw-insn", str(library)],
                             capture_output=True, text=True, check=True).stdout.split("\n")  # fmt: skip
    sites = {}
    for line, after in zip(listing, listing[1:], strict=False):
        call, back = HOOK.match(line), RETURN.match(after)
        if call and back:
            sites[int(back[1], 16)] = call[2]
    return sites


def by_addr2line(library, addresses) -> dict[int, int]:
    """The innermost line of the learner's file of each address, by binutils."""
    words = ["addr2line", "-i", "-a", "-e", str(library), *(hex(a - 1) for a in addresses)]
    output = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    lines, address = {}, None
    for row in output.split("\n"):
        if row.startswith("0x"):
            address = int(row, 16) + 1
        elif KERNEL_FILE + ":" in row and address not in lines:
            number = re.search(r":(\d+)", row)
            lines[address] = int(number[1]) if number else 0
    return lines


@pytest.mark.skipif(not (shutil.which("addr2line") and shutil.which("objdump")),
                    reason="addr2line and objdump are not on this machine")  # fmt: skip
def test_lines_agree_with_addr2line(compiler):
    total = 0
    for case in {case.file: case for case in SMALL}.values():
        built = case.kernel().module.built(True)
        lines, library = Lines(built.folder, KERNEL_FILE), built.folder / "kernel.so"
        sites = call_sites(library)
        oracle = by_addr2line(library, sites)
        found = {address: lines(address)[0] for address in sites}
        assert found == {address: oracle.get(address) for address in sites}, case.file
        total += len(sites)
    assert total > 40


def test_columns_lead_to_the_access(compiler):
    kernel = sim.RawKernel(
        'extern "C" __global__ void k(float* y) {\n  int t = threadIdx.x; y[t] = 1; y[t + 32] = 2;\n}',
        "k",
    )
    y = sim.empty(32, "f4")
    with pytest.raises(sim.KernelError) as caught:
        kernel((1,), (32,), (y,))
    finding = caught.value.findings[0]
    assert finding.line == 2
    assert str(caught.value).split("\n")[2].index("^") == str(caught.value).split("\n")[1].index(
        "y[t + 32]"
    )


def test_a_line_of_an_included_file_is_named_by_that_file(tmp_path):
    (tmp_path / "helper.cuh").write_text(
        "// one\n__device__ void put(float* y, int i) {\n  y[i] = 1;\n}\n"
    )
    code = '#include "helper.cuh"\nextern "C" __global__ void k(float* y) {\n  put(y, threadIdx.x + 1);\n}'
    kernel = sim.RawKernel(code, "k", options=(f"-I{tmp_path}",))
    with pytest.raises(sim.KernelError) as caught:
        kernel((1,), (32,), (sim.empty(32, "f4"),))
    finding = caught.value.findings[0]
    assert (finding.at.file, finding.line, finding.at.text.strip()) == (
        "helper.cuh",
        3,
        "y[i] = 1;",
    )


def test_line_directives_renumber_what_follows():
    code = 'int before;\n#line 1 "mine.cu"\nextern "C" __global__ void k(float* y) {\n  y[threadIdx.x + 1] = 1;\n}'
    with pytest.raises(sim.KernelError, match="mine.cu line 2") as caught:
        sim.RawKernel(code, "k")((1,), (32,), (sim.empty(32, "f4"),))
    assert caught.value.findings[0].at.file == "mine.cu"


@pytest.mark.parametrize("target", ["aarch64-macos", "x86_64-macos"])
def test_lines_of_a_mach_o_library_agree_with_those_of_elf(target, tmp_path):
    if "zig" not in sim.available():
        pytest.skip("zig is not on this machine")
    zig = find("zig")
    source = Source(text("reduce.cu"), "reduce.cu", (str(PACKAGED),))
    elf = kernel_library(source, ["reduce_tree", "reduce_shuffle"], zig, True, [])
    unit, library = tmp_path / "kernel.o", tmp_path / "kernel.so"
    flags = [f for f in zig.flags(True) if "clash" not in f]
    words = [*flags, "-target", target, "-I", INCLUDE, "-include", INCLUDE / "device.h"]
    text_file = tmp_path / KERNEL_FILE
    shutil.copy(elf / KERNEL_FILE, text_file)
    for command in ([*zig.command, *words, "-c", text_file, "-o", unit],
                    [*zig.linker, "-target", target, "-shared", "-nostdlib",
                     "-Wl,-undefined,dynamic_lookup", unit, "-o", library]):  # fmt: skip
        subprocess.run([str(word) for word in command], check=True, capture_output=True)
    wanted = {
        line for _, file, line, _ in Lines(elf, KERNEL_FILE).rows if file.endswith(KERNEL_FILE)
    }
    lines = Lines(tmp_path, KERNEL_FILE)
    starts = {start for start, _ in lines._moves}
    assert starts, "no function was found in the library"
    found = {lines(start + by)[0] for start in starts for by in range(1, 2000)} - {0}
    accesses = {9, 12, 15, 27, 29, 32}  # lines of reduce.cu that read or write arrays
    assert accesses <= found <= wanted
