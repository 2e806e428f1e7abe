"""What is read from a `.wgsl` file, the lint of the subset, and the arguments of twins."""

import re

import pytest

from mlstack_lib import kernels
from mlstack_lib.array import Slot
from mlstack_lib.webgpu import sizes, wgsl

KERNEL = """/* saxpy: y = a x + y; @binding(7) here is a comment */
struct Params { n: u32, a: f32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1)
var<storage,read_write> y: array<vec4f>;
@group(0) @binding(2) var<uniform> p: Params;  // fn other(

@compute @workgroup_size(BLOCK, 2)
fn saxpy(@builtin(global_invocation_id) id: vec3u) {
    if (id.x < p.n) { y[id.x] += p.a * x[id.x]; }
}
"""
TWINS = sorted(
    file.stem for file in kernels.PACKAGED.glob("*.cu") if not file.stem.endswith("_bf16")
)  # another dtype needs no twin
WGSL = sorted(kernels.PACKAGED.glob("*.wgsl"))
ARGUMENT = re.compile(r"(?:const )?(float|unsigned|int)(\*| )\s*(?:__restrict__ )?(\w+)$")
TYPES = {"float": "f32", "unsigned": "u32", "int": "i32"}


def read(name: str) -> str:
    return (kernels.PACKAGED / name).read_text(encoding="utf-8")


def cuda_arguments(name: str) -> list[tuple[str, bool, bool, str]]:
    """Name, whether an array, whether written, and type of each argument of a `.cu` kernel."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", read(f"{name}.cu"), flags=re.DOTALL)
    inside = re.search(rf"\b{name}\(([^)]*)\)\s*\{{", text)[1]
    found = []
    for argument in inside.split(","):
        words = " ".join(argument.split())
        of, star, called = ARGUMENT.fullmatch(words).groups()
        written = star == "*" and not words.startswith("const ")
        found.append((called, star == "*", written, TYPES[of]))
    return found


# ---- reading ----


def test_a_kernels_entry_bindings_and_params_are_read():
    found = wgsl.parse(KERNEL, "saxpy.wgsl")
    assert found.entry == "saxpy"
    assert found.arrays == (("x", "read", "f32"), ("y", "read_write", "vec4f"))
    assert found.scalars == (("n", "u32"), ("a", "f32"))
    assert found.workgroup == ("BLOCK", "2", "1")
    assert found.names == ["x", "y", "n", "a"]


def test_a_kernel_without_numbers_needs_no_params():
    text = KERNEL.replace("@group(0) @binding(2) var<uniform> p: Params;", "")
    assert wgsl.parse(text, "saxpy.wgsl").scalars == ()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("@compute", "", "expected one entry point"),
        ("@binding(2)", "@binding(3)", "count from 0 without a gap, got [(0, 0), (0, 1), (0, 3)]"),
        ("@group(0) @binding(2)", "@group(1) @binding(2)", "must be @group(0)"),
        ("storage, read>", "storage>", "x must be var<storage, read> or"),
        ("array<f32>", "f32", "x must be var<storage, read> or"),
        ("struct Params", "struct Other", "no `struct Params { ... }`"),
        ("a: f32", "a: vec2f", "Params.a must be u32, i32 or f32, got vec2f"),
        ("var<storage, read> x: array<f32>", "var<uniform> x: Params", "must be the last binding"),
    ],
)
def test_what_a_launcher_could_not_serve_is_named(old, new, message):
    with pytest.raises(wgsl.KernelError) as caught:
        wgsl.parse(KERNEL.replace(old, new), "saxpy.wgsl")
    assert str(caught.value).startswith("saxpy.wgsl: ")
    assert message in str(caught.value)


# ---- the subset ----


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("enable f16_maths;", "enable"),
        ("  requires packed_4x8_integer_dot_product;", "requires"),
        ("let s = subgroupAdd(v);", "subgroups"),
        ("fn f(@builtin(subgroup_size) s: u32) {}", "subgroups"),
        ("let s = quadSwapX(v);", "quads"),
        ("var<workgroup> a: atomic<f32>;", "atomics"),
        ("var h: f16 = 1.0h;", "f16"),
        ("fn f(a: ptr<workgroup, f32>) {}", "pointers"),
        ("fn f(a: ptr<storage, array<f32>, read>) {}", "pointers"),
        ("f(&row[3]);", "pointer to an element"),
        ("f(1, & tile.x);", "pointer to an element"),
        ("v.xy = vec2f();", "several components"),
        ("v.rgb += vec3f();", "several components"),
        ("fn f(@builtin(global_invocation_index) i: u32) {}", "builtin"),
        ("let top = -1.0 / 0.0;", "infinity"),
        ("let top = bitcast<f32>(0xff800000u);", "infinity"),
        ("let top = -3.4028235e38;", "f32 rounded up"),
        ("y = tanh(x);", "tanh"),
        ("var<immediate> p: Params;", "immediates"),
    ],
)
def test_a_line_outside_the_subset_is_found_with_its_number(line, word):
    found = wgsl.lint(f"{KERNEL}\n\n{line}\n")
    assert [finding.line for finding in found] == [KERNEL.count("\n") + 3]
    assert word in found[0].message


@pytest.mark.parametrize(
    "line",
    [
        "// enable subgroups; tanh(x)",
        "let equal = v.xy == w.xy;",
        "v.x = 1.0;",
        "let w = v.xy;",
        "f(&row);",
        "let both = a && b[1];",
        "let top = -3.0e38;",
        "let u = bitcast<u32>(x);",
        "fn f(a: ptr<function, f32>) {}",
        "let half = 1.0 / 0.5;",
    ],
)
def test_a_line_inside_the_subset_is_left_alone(line):
    assert wgsl.lint(f"{KERNEL}\n{line}\n") == []


@pytest.mark.parametrize("file", WGSL, ids=lambda file: file.name)
def test_every_packaged_file_keeps_to_the_subset(file):
    assert wgsl.lint(file.read_text(encoding="utf-8")) == []


# ---- sizes ----


def test_constants_are_worked_out_in_any_order():
    text = """
    const A = B * (2 + C) / 3u;  // const A = 1;
    const C: u32 = 4u;
    const B = C % 3 + 8 - 1;
    const X = f32(B);
    const Y = X + 1;
    const Z = 1 / 0;
    """
    assert sizes.constants(text) == {"A": 16, "B": 8, "C": 4}


def test_workgroup_memory_is_counted_by_type_and_length():
    text = """
    const N: u32 = 10u;
    var<workgroup> a: array<f32, 2 * N>;
    var<workgroup> b: array<array<vec4f, 3>, N>;
    var<workgroup> c: vec3<u32>;
    var<workgroup> d: array<Unknown, 5>;
    var<private> e: array<f32, 999>;
    """
    assert sizes.workgroup_bytes(text) == 80 + 480 + 16


def test_the_largest_tiles_of_the_package_fit_into_16_kib():
    for name, given in (
        ("matmul", {"BM": 64, "BN": 128, "BK": 16, "TM": 8, "TN": 8}),
        ("attention_forward", {"D": 128, "ROWS": 64, "COLUMNS": 32}),
    ):
        text = kernels.assemble(name, ".wgsl", given)
        assert 12 << 10 <= sizes.workgroup_bytes(text) <= 16 << 10


# ---- twins ----


def test_every_kernel_has_a_twin():
    parts = {"common", "reduce", "squares", "tile", "layernorm_row", "attention_tile"}
    assert {file.stem for file in WGSL} - parts == set(TWINS)


@pytest.mark.parametrize("name", TWINS)
def test_twins_have_the_same_arguments_in_the_same_order(name):
    found = wgsl.parse(read(f"{name}.wgsl"), f"{name}.wgsl")
    arrays = [(n, True, access == "read_write", of) for n, access, of in found.arrays]
    scalars = [(n, False, False, of) for n, of in found.scalars]
    assert arrays + scalars == cuda_arguments(name)
    assert found.entry == name


@pytest.mark.parametrize("name", TWINS)
def test_a_twins_header_names_its_twin_and_the_same_reference(name):
    headers = [read(name + suffix).partition("*/")[0] for suffix in (".cu", ".wgsl")]
    assert all(header.startswith(f"/* {name}: ") for header in headers)
    assert f"Twin {name}.wgsl" in headers[0]
    assert f"Twin {name}.cu" in headers[1]
    references = [" ".join(re.search(r"Twin \S+ ([^.]*)\.", h)[1].split()) for h in headers]
    assert references[0] == references[1]


def test_the_slots_in_the_common_part_are_those_of_the_step_state():
    found = re.findall(r"^const ([A-Z_0-9]+) = (\d+);", read("common.wgsl"), re.MULTILINE)
    slots = {name: int(number) for name, number in found}
    assert slots == {slot.name: int(slot) for slot in Slot} | {"SCHEDULED": 4}
