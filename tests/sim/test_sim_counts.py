"""Counters against counts made by hand: sectors, bank conflicts, barriers, and all the rest."""

import numpy as np
import pytest
from sim_kernels import SMALL, attention_case, text

from mlstack_lib import sim

f32 = np.float32


def profile(body: str, *, parameters: str = "const float* x, float* y", x: int = 4096,
            grid: int = 1, block=(32,), shared: int = 0):  # fmt: skip
    """The profile of a kernel with this body, x and y of that many elements."""
    code = f'extern "C" __global__ void k({parameters}) {{ int t = threadIdx.x;\n{body}\n}}'
    kernel = sim.RawKernel(code, "k")
    arrays = sim.asarray(np.arange(x, dtype=f32)), sim.empty(x, f32)
    kernel((grid,), block, arrays, shared_mem=shared)
    return kernel.profile()


# Of a warp that reads 4 bytes a lane: 128 bytes are 4 sectors at the least.
PATTERNS = [
    ("x[t]", 4, 4, 1.00, "in a row"),
    ("x[t + 1]", 5, 4, 1.25, "one off: a fifth sector"),
    ("x[t * 2]", 8, 4, 2.00, "every other"),
    ("x[t * 32]", 32, 4, 8.00, "a sector for each lane"),
    ("x[31 - t]", 4, 4, 1.00, "backwards costs nothing"),
    ("x[0]", 1, 1, 1.00, "all the same"),
    ("x[t / 2]", 2, 2, 1.00, "in pairs"),
    ("x[t ^ 5]", 4, 4, 1.00, "mixed up within sectors"),
    ("((const float4*)x)[t].x", 16, 4, 4.00, "one part of each float4"),
]


@pytest.mark.parametrize(("read", "moved", "ideal", "ratio", "why"), PATTERNS)
def test_sectors_of_a_read(read, moved, ideal, ratio, why, compiler):
    row = profile(f"y[t] = {read};").at(2, "load", "global")
    assert (row.requests, row.size, row.moved, row.ideal, row.ratio) == (
        1,
        4,
        moved,
        ideal,
        ratio,
    ), why
    assert row.worst == moved


@pytest.mark.parametrize(
    ("kind", "size"), [("float2", 8), ("float4", 16), ("double2", 16), ("int4", 16)]
)
@pytest.mark.parametrize(("step", "ratio"), [(1, 1.0), (2, 2.0)])
def test_a_vector_is_read_and_written_at_once(kind, size, step, ratio, compiler):
    parts = ["x", "y", "z", "w"][: int(kind[-1])]
    changed = " ".join(f"v.{part} += 1;" for part in parts)
    found = profile(
        f"{kind} v = (({kind}*)x)[t * {step}];\n{changed}\n(({kind}*)y)[t * {step}] = v;"
    )
    for row in (found.at(2, "load"), found.at(4, "store")):
        assert (row.requests, row.size, row.moved, row.ratio) == (1, size, size * step, ratio)


@pytest.mark.parametrize(("kind", "header"), [("__half2", "fp16"), ("__nv_bfloat162", "bf16")])
def test_a_pair_of_halves_is_read_and_written_at_once(kind, header, compiler):
    code = (f'#include <cuda_{header}.h>\nextern "C" __global__ void k(const {kind}* x, {kind}* y) {{\n'
            f"{kind} v = x[threadIdx.x];\ny[threadIdx.x] = v + v;\n}}")  # fmt: skip
    kernel = sim.RawKernel(code, "k")
    kernel((1,), (32,), (sim.zeros(64, np.uint16), sim.zeros(64, np.uint16)))
    assert [(r.op, r.size, r.moved) for r in kernel.profile().rows] == [
        ("load", 4, 4),
        ("store", 4, 4),
    ]


# Ways of a bank conflict in the read of line 4: the most different words of one bank.
BANKS = [
    ("float s[32][32]", "s[t][0]", 32, 32.0, "a column: all rows begin in the same bank"),
    ("float s[32][33]", "s[t][0]", 1, 1.0, "rows of 33 shift the column through the banks"),
    ("float s[1024]", "s[t * 2]", 2, 2.0, "every other word: 16 banks, twice"),
    ("float s[1024]", "s[t * 3]", 1, 1.0, "an odd step meets every bank"),
    ("float s[1024]", "s[7]", 1, 1.0, "one word for all lanes is free"),
    ("float s[1024]", "s[t / 2]", 1, 1.0, "and so for pairs"),
    ("float s[1024]", "s[t * 8]", 8, 8.0, "step 8: 4 banks"),
]


@pytest.mark.parametrize(("declared", "read", "ways", "ratio", "why"), BANKS)
def test_ways_of_a_bank_conflict(declared, read, ways, ratio, why, compiler):
    flat = "&s[0][0]" if "][" in declared else "s"
    size = 1056 if "33" in declared else 1024
    found = profile(
        f"__shared__ {declared};\nfor (int i = t; i < {size}; i += 32) ({flat})[i] = i;\n"
        f"__syncwarp(); y[t] = {read};"
    ).at(4, "load", "shared")
    assert (found.requests, found.worst, found.ratio) == (1, ways, ratio), why


@pytest.mark.parametrize(("step", "ways", "ratio"), [(1, 1, 1.0), (2, 2, 2.0)])
def test_wide_accesses_are_served_a_quarter_of_a_warp_at_a_time(step, ways, ratio, compiler):
    row = profile(
        "__shared__ float4 s[64];\nfor (int i = t; i < 64; i += 32) s[i] = ((const float4*)x)[i];\n"
        f"__syncwarp(); float4 v = s[t * {step}]; y[t] = v.x + v.y + v.z + v.w;"
    ).at(4, "load", "shared")
    assert (row.worst, row.ratio, row.moved) == (ways, ratio, 4 * ways)


def test_a_transposition_shows_what_the_padding_is_for(compiler):
    body = ("__shared__ float tile[32][{}]; int ty = threadIdx.y;\ntile[ty][t] = x[ty * 32 + t];\n"
            "__syncthreads();\ny[ty * 32 + t] = tile[t][ty];")  # fmt: skip
    plain, padded = (profile(body.format(n), block=(32, 32)) for n in (32, 33))
    assert plain.at("tile[t][ty]", "load").worst == 32
    assert padded.at("tile[t][ty]", "load").worst == 1
    assert padded.at("tile[t][ty]", "store").ratio == 1


def test_requests_of_the_tiled_product_by_hand(compiler):
    case = next(case for case in SMALL if case.name == "matmul_tiled")
    kernel = case.kernel()
    case.run(kernel)
    # 9 blocks of 8 warps, 3 tiles: a load of a and of b each; 16 steps, each reads as and bs
    warps, tiles = 9 * 8, 3
    found = kernel.profile()
    assert found.at("as[ty][tx] = a", "load").requests == warps * tiles
    assert found.at("sum += as").requests == warps * tiles * 16 * 2
    assert found.count("barriers") == 9 * tiles * 2
    assert found.count("barriers", "__syncthreads") == 9 * tiles * 2
    assert found.at("c[row", "store").ratio == 1


def test_events_are_counted_by_line(compiler):
    found = profile(
        "float v = __shfl_xor_sync(0xffffffff, x[t], 1);\nv += __any_sync(0xffffffff, t);\n"
        "__syncwarp();\natomicAdd(&y[0], v);\n__syncthreads();", block=(64,),
    )  # fmt: skip
    assert [(e.place.line, e.kind, e.count) for e in found.events] == [
        (2, "shuffles", 2), (3, "votes", 2), (4, "syncwarps", 2), (5, "atomics", 64), (6, "barriers", 1),
    ]  # fmt: skip


@pytest.mark.parametrize(("swizzle", "ratio"), [("1", 1.0), ("0", 8.0)])
def test_the_swizzle_of_attention_is_what_ldmatrix_needs(swizzle, ratio, compiler):
    case = attention_case("bf16", 1, 128)
    kernel = case.kernel(text(case.file).replace("#define SWIZZLE 1", f"#define SWIZZLE {swizzle}"))
    case.run(kernel)
    rows = [row for row in kernel.profile().rows if "ldmatrix" in row.place.text]
    assert [row.ratio for row in rows] == [ratio] * 3


def test_counts_are_the_same_with_every_compiler():
    tables = {}
    for name in sim.available():
        with sim.config(compiler=name):
            for case in SMALL:
                case.run(kernel := case.kernel())
                rows = [(r.place.line, r.space, r.op, r.size, r.requests, r.moved, r.worst)
                        for r in kernel.profile().rows]  # fmt: skip
                tables.setdefault(case.name, []).append(rows)
    assert len(sim.available()) > 1, "nothing to compare"
    assert {name: rows[0] for name, rows in tables.items()} == {n: r[-1] for n, r in tables.items()}


def test_the_table_names_lines_and_the_page_marks_poor_ones():
    found = profile("y[t] = x[t * 32];")
    assert "load 4 B" in str(found)
    assert "32 sectors" in str(found)
    html = found._repr_html_()
    assert html.count("background") == 1
    assert "y[t] = x[t * 32];" in html


def test_at_asks_for_one_row():
    found = profile("y[t] = x[t];")
    with pytest.raises(LookupError, match="must fit one row"):
        found.at("y[t]")
    with pytest.raises(LookupError, match="must fit one row"):
        found.at("nowhere")


def test_a_printed_profile_says_what_its_columns_are():
    found = profile("y[t] = x[t];")
    for printed in (str(found), found._repr_html_()):
        assert "k: 1 block" in printed
        assert "k: 1 blocks" not in printed
        for column in ("requests: ", "moved: ", "ideal: ", "ratio: ", "worst: "):
            assert column in printed
    assert str(profile("")).endswith("no access to memory")


def test_the_worst_request_is_kept_for_the_picture():
    sample = profile("y[t] = x[t * 2 + 3];").at("x[", "load").sample
    assert (sample.array, sample.start, sample.warp) == ("x", 12, 0)
    assert sample.offsets == {lane: lane * 8 for lane in range(32)}


def test_the_picture_shows_every_lane():
    from mlstack_lib.course.pictures.access import draw_access  # it needs Matplotlib

    for body, rows in (("y[t] = x[t * 32];", 32), ("y[t] = x[t];", 1)):
        figure = draw_access(profile(body).at("x[", "load"))
        axes = figure.axes[0]
        assert sorted(int(text.get_text()) for text in axes.texts) == list(range(32))
        assert len(axes.get_yticks()) == rows
