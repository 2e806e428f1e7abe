"""The source pass: what it changes, that lines stay where they are, and what it refuses."""

import numpy as np
import pytest

from mlstack_lib import sim
from mlstack_lib.errors import BadInput
from mlstack_lib.sim.shared_pass import rewrite
from mlstack_lib.sim.source import Source, blank

# A declaration, an expression of type float that uses it, and its size in bytes (None: dynamic).
DECLARATIONS = [
    ("__shared__ float a[64];", "a[0]", 256),
    ("__shared__ float a[4][8];", "a[3][7]", 128),
    ("__shared__ float a[2][3][4];", "a[1][2][3]", 96),
    ("__shared__ float a;", "a", 4),
    ("__shared__ float a, b[8];", "a + b[7]", 4),
    ("__shared__ float a[N], b[N][N + 1];", "a[0] + b[0][0]", 64),
    ("__shared__ float a[sizeof(int) * (2 + 1)];", "a[0]", 48),
    ("static __shared__ float a[8];", "a[0]", 32),
    ("volatile __shared__ float a[8];", "a[0]", 32),
    ("__shared__ volatile float a[8];", "a[0]", 32),
    ("__shared__ __align__(16) float a[8];", "a[0]", 32),
    ("__align__(16) __shared__ float a[8];", "a[0]", 32),
    ("__shared__ alignas(16) float a[8];", "a[0]", 32),
    ("__shared__ unsigned long long a[8];", "(float)a[0]", 64),
    ("__shared__ float4 a[8];", "a[0].x", 128),
    ("__shared__ Pair<int, 4> a[2];", "(float)a[0].v[0]", 32),
    ("__shared__ struct Three a;", "a.x", 12),
    ("__shared__ float *a[8];", "(float)(a[0] != 0)", 64),
    ("__shared__ const float *a;", "(float)(a != 0)", 8),
    ("__shared__ float // a comment; with a semicolon\n a[8]; ", "a[0]", 32),
    ("__shared__\n  float a\n  [8];", "a[0]", 32),
    ("__shared__ /* float b[2]; */ float a[8];", "a[0]", 32),
    ("int k = 1'000; __shared__ float a[1'024]; k++;", "a[0]", 4096),
    ("extern __shared__ float a[];", "a[0]", None),
    ("extern __shared__ __align__(16) float a[];", "a[0]", None),
    ("extern __shared__ float a[][8];", "a[0][7]", None),
]
TYPES = "template <class T, int M> struct Pair { T v[M]; };\nstruct Three { float x, y, z; };\n#define N 16\n"


@pytest.mark.parametrize("template", [False, True], ids=["plain", "template"])
@pytest.mark.parametrize(
    ("declared", "used", "size"), DECLARATIONS, ids=lambda value: str(value)[:40]
)
def test_a_declaration_means_the_same_and_keeps_its_lines(declared, used, size, template, compiler):
    lines = TYPES.count("\n") + (2 if template else 1) + declared.count("\n") + 2
    code = TYPES + ("template <int M>\n" if template else 'extern "C" ')
    code += f'__global__ void k(float* y) {{\n{declared}\nstatic_assert(__LINE__ == {lines}, "");\n'
    code += f"if (threadIdx.x < 0) y[0] = {used};\n"
    code += "}" if size is None else f'static_assert(sizeof(a) == {size}, "");\n}}'
    names = ["k<3>"] if template else None
    kernel = sim.RawModule(code, name_expressions=names).get_function("k<3>" if template else "k")
    kernel((1,), (32,), (sim.zeros(4, np.float32),), shared_mem=256)


REFUSED = [
    ("__shared__ float a[8];\nextern \"C\" __global__ void k() {}", "line 1: declare"),
    ("extern \"C\" __global__ void k() {\n__shared__ float a = 3;\n}", "line 2: .*initial value"),
    ("#define S __shared__ float a[8];\nextern \"C\" __global__ void k() { S }", "line 1: .*macros"),
    ("extern \"C\" __global__ void k() {\n__shared__ float a[2] = {1, 2};\n}", "line 2: .*initial value"),
    ("extern \"C\" __global__ void k() {\nextern __shared__ float a;\n}", r"line 2: .*brackets.* s\[\];"),
    ("extern \"C\" __global__ void k(__shared__ float* p) {}", "line 1: .*not understood"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "message"), REFUSED)
def test_what_cannot_be_rewritten_is_refused_by_line(code, message):
    with pytest.raises(sim.CompileError, match=message):
        rewrite(Source(code))


def test_nothing_else_is_changed():
    code = '// __shared__ float a[8];\nconst char* s = "__shared__ float a[8];";\nint f(int x) { return x; }\n'
    assert rewrite(Source(code)) == code


def test_blanking_keeps_every_offset():
    code = 'a = "b\\"c"; // d "e\n/* f\n g */ char h = \'"\'; i("j");'
    clean = blank(code)
    assert len(clean) == len(code)
    assert [i for i, c in enumerate(clean) if c == "\n"] == [
        i for i, c in enumerate(code) if c == "\n"
    ]
    assert clean.split() == ["a", "=", '"', '";', "char", "h", "=", "'", "';", 'i("', '");']


SIGNATURES = [
    ('extern "C" __global__ void k(const float* __restrict__ x, int n) { }', ["x", "n"], None, False, True),
    ("template <int D>\n__global__ void __launch_bounds__(128, 2) k(float (*x), P<int, 4> p) {}",
     ["x", "p"], "128", True, False),
    ('extern "C" {\n__global__ __launch_bounds__(T * 2) void k() {}\n}', [], "T * 2", False, True),
    ("__global__ void k(float x[], unsigned long long n) {}", ["x", "n"], None, False, False),
    ('extern "C" { int a; }\n__global__ void k() {}', [], None, False, False),
]  # fmt: skip


@pytest.mark.parametrize(("code", "parameters", "bound", "is_template", "is_extern_c"), SIGNATURES)
def test_signatures_are_read(code, parameters, bound, is_template, is_extern_c):
    found = Source(code).signatures["k"]
    assert (found.parameters, found.bound, found.is_template, found.is_extern_c) == (
        parameters, bound, is_template, is_extern_c,
    )  # fmt: skip


def test_declarations_of_kernels_are_no_definitions():
    assert Source('extern "C" __global__ void k(int n);').signatures == {}


def test_a_setting_that_is_none_is_named():
    with pytest.raises(BadInput, match="did you mean 'workers'"), sim.config(worker=2):
        pass
    with pytest.raises(BadInput, match="random:SEED"), sim.config(order="sideways") as settings:
        settings.order_and_seed()
