"""What the simulator accepts and refuses, beside NVRTC, the compiler that CuPy uses on a GPU.

The second column runs where the package nvidia-cuda-nvrtc is installed; it needs no GPU. Rows with a header need
nvidia-cuda-runtime and nvidia-cuda-cccl as well.
"""

import pytest
from chapter_kernels import TEXTS, assembled
from nvrtc import Nvrtc
from sim_cases import CASES
from sim_kernels import SMALL, text

from mlstack_lib import sim
from mlstack_lib.kernels import PACKAGED

ACCEPTED = [
    "y[t] = expf(x[t]) + exp(x[t]) + exp2f(x[t]) + rsqrtf(x[t]) + __expf(x[t]);",
    "y[t] = max(x[t], 0.0f) + fmaxf(x[t], 1.0f) + max(3, 4u) + min(2L, 3L);",
    "size_t i = t; y[i] = warpSize;",
    "y[t] = isnan(x[t]) + isinf(x[t]) + isfinite(x[t]);",
    "uchar4 c = make_uchar4(1, 2, 3, 4); y[t] = c.x + c.w;",
    "assert(t < 1024); y[t] = (float)clock64();",
    "y[t] = __ldg(&x[t]) + __ldcg(&x[t]) + __ldcs(&x[t]); __stcs(&y[t], 1.0f);",
    "y[t] = normcdff(x[t]) + erff(x[t]) + erfcf(x[t]) + tanhf(x[t]) + log1pf(x[t]);",
    "y[t] = __tanhf(x[t]);",
    "y[t] = __shfl_xor_sync(0xffffffff, x[t], 1) + __shfl_down_sync(0xffffffffu, t, 2, 16);",
    "y[t] = __ballot_sync(~0u, t > 3) + __any_sync(~0u, t) + __popc(__activemask()) + __clz(t) + __ffs(t);",
    "y[t] = __reduce_add_sync(~0u, (unsigned)t) + __match_any_sync(~0u, t);",
    "y[t] = __syncthreads_count(t) + __syncthreads_or(t); __syncwarp(); __threadfence();",
    "atomicAdd(&y[0], 1.0f); atomicAdd((int*)y, 1); atomicMax((unsigned*)y, 1u); atomicCAS((int*)y, 0, 1);",
    "__shared__ float4 s[32]; s[t] = make_float4(1, 2, 3, 4); y[t] = s[t].w;",
    "__shared__ __align__(16) float s[4][33]; s[0][t] = 1; y[t] = s[0][t];",
    "extern __shared__ float s[]; s[t] = 1; y[t] = s[t];",
    "extern __shared__ __align__(128) unsigned char s[]; y[t] = s[t];",
    "float2 v = reinterpret_cast<const float2*>(x)[t]; y[t] = v.x + v.y;",
    "#pragma unroll 4\nfor (int i = 0; i < 4; i++) y[i] += x[i];",
    "auto f = [&](float v) { return v * 2; }; y[t] = f(x[t]);",
    "float a[4] = {}; for (float& v : a) v = 1; y[t] = a[t % 4];",
    'constexpr int n = 4; static_assert(n == 4, ""); if constexpr (n > 2) y[t] = n;',
    "y[t] = __float_as_int(x[t]) + __int_as_float(t) + __float2int_rn(x[t]) + __uint_as_float(t);",
    "y[t] = __umulhi(t, t) + __brev(t) + __byte_perm(t, t, 0x3210) + __funnelshift_l(t, t, 3);",
    "y[t] = fmaf(x[t], 2.0f, 1.0f) + powf(x[t], 2.0f) + fmodf(x[t], 2.0f) + copysignf(1.0f, x[t]);",
    "y[t] = x[t] < 0 ? -x[t] : fabsf(x[t]) + abs(t) + floorf(x[t]) + rintf(x[t]);",
    'printf("%d\\n", t);',
    "dim3 d(1, 2, 3); uint3 u = threadIdx; y[t] = d.z + u.x + blockDim.y + gridDim.z;",
    "double z = sqrt((double)x[t]); y[t] = (float)z;",
    "int4 v = make_int4(1, 2, 3, 4); long long w = v.x; y[t] = w;",
    "y[t] = __fdividef(1.0f, x[t]) + __frcp_rn(x[t]) + __fsqrt_rn(x[t]) + __saturatef(x[t]);",
    "unsigned u = 1; atomicInc(&u, 2u); y[t] = __dp4a(1, 2, 3);",
    "if (t > 99) __trap();",
    "float4 v = {x[t], 1, 2, 3}; v = {1, 2, 3, 4}; y[t] = v.w + float4{1, 2, 3, 4}.x;",
    "float4 v = {1, 2}, w{}, a[2] = {{1, 2, 3, 4}, {5}}; y[t] = v.w + w.x + a[1].x + float4(v).y;",
    "constexpr uint2 v = {1, 2}; y[t] = v.x + make_uint2(t, 2).y;",
]
REFUSED = [
    "y[t] = INFINITY;", "y[t] = NAN;", "y[t] = FLT_MAX;", "y[t] = M_PI;", "uint32_t i = t; y[i] = 1;",
    "uint i = t; y[i] = 1;", "half h; y[t] = 1;", "__half h; y[t] = 1;", "__nv_bfloat16 h; y[t] = 1;",
    "y[t] = max(x[t], 2);", "y[t] = undeclared;", "int n = t; float a[n]; a[0] = 1; y[t] = a[0];",
    "float a[warpSize]; a[0] = 1; y[t] = a[0];", "y[t] = threadIdx.w;", "y[t] = 1", "x[t] = 1;",
    "float4 v = x[t]; y[t] = v.x;", "y[t] = std::max(x[t], 0.0f);", "__shared__ float s = 1; y[t] = s;",
    "y[t] = x;", "int t = 3; y[t] = 1;", "auto v = __shfl_xor(x[t], 1); y[t] = v;", "y[t] = fmax(x[t]);",
    "uchar c = 1; y[t] = c;", "float4 v = float4(x[t], 1, 2, 3); y[t] = v.x;", "float4 v(1, 2, 3, 4); y[t] = v.x;",
    "uint2 v = uint2(1u, 2u); y[t] = v.x;", "float4 v = {1, 2, 3, 4, 5}; y[t] = v.x;", "float2 v = float2(x[t]); y[t] = v.x;",
]  # fmt: skip
WITH_HEADERS = [
    ("cuda_fp16.h", "__half h = __float2half(x[t]); half2 p = __floats2half2_rn(1, 2); y[t] = __half2float(h + h) "
     "+ __low2float(p) + __half2float(__hfma(h, h, h)) + __half2float(hexp(h)) + (h < h);"),
    ("cuda_fp16.h", "__half h = x[t]; h += h; y[t] = h; y[t] += __half2float(__ushort_as_half(3));"),
    ("cuda_bf16.h", "__nv_bfloat16 h = __float2bfloat16(x[t]); __nv_bfloat162 p = __floats2bfloat162_rn(1, 2); "
     "float2 v = __bfloat1622float2(p); y[t] = __bfloat162float(h * h) + v.y + __bfloat162float(p.x);"),
    ("cuda_bf16.h", "y[t] = __bfloat162float(__hmax(__float2bfloat16(x[t]), __ushort_as_bfloat16(7)));"),
]  # fmt: skip


def kernel(body: str, header: str = "") -> str:
    """A kernel of this body."""
    include = f"#include <{header}>\n" if header else ""
    return include + 'extern "C" __global__ void k(const float* x, float* y) {\n' \
                     f"int t = threadIdx.x;\n{body}\n}}\n"  # fmt: skip


ROWS = [*((kernel(b), True, "") for b in ACCEPTED), *((kernel(b), False, "") for b in REFUSED),
        *((kernel(b, h), True, h) for h, b in WITH_HEADERS)]  # fmt: skip


def body_of(row) -> str:
    """The body of a row's kernel, as its name in the test's output."""
    return row[0].split("\n", 2)[2][:40] if isinstance(row, tuple) else str(row)


# ---- the simulator's column ----


@pytest.mark.parametrize("row", ROWS, ids=body_of)
def test_the_simulator(row, compiler):
    code, accepted, _ = row
    assert accepts(code) == accepted


def accepts(code: str) -> bool:
    """Whether the simulator compiles it."""
    try:
        sim.RawKernel(code, "k").compile()
    except sim.CompileError:
        return False
    return True


# ---- NVRTC's column ----


@pytest.fixture(scope="session")
def nvrtc():
    """nvrtc(code) -> (compiles, log)."""
    try:
        compiler = Nvrtc()
    except LookupError as error:
        pytest.skip(str(error))

    def compile_(code: str) -> tuple[bool, str]:
        return compiler.compile(code, f"-I{PACKAGED}")

    compile_.headers = compiler.headers
    return compile_


@pytest.mark.parametrize("row", ROWS, ids=body_of)
def test_nvrtc(row, nvrtc):
    code, accepted, header = row
    if header and not nvrtc.headers:
        pytest.skip("the package nvidia-cuda-runtime is not installed")
    compiles, log = nvrtc(code)
    assert compiles == accepted, log


@pytest.mark.parametrize("file", sorted({case.file for case in SMALL}))
def test_nvrtc_takes_the_kernels(file, nvrtc):
    if "bf16" in file and not nvrtc.headers:
        pytest.skip("the package nvidia-cuda-runtime is not installed")
    compiles, log = nvrtc(text(file))
    assert compiles, log


@pytest.mark.parametrize("path", TEXTS)
def test_nvrtc_takes_the_kernels_of_the_chapters_and_their_stubs(path, nvrtc):
    compiles, log = nvrtc(assembled(path))
    assert compiles, log


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_nvrtc_takes_the_faulty_kernels_too(case, nvrtc):
    if "cuda_bf16.h" in case.code and not nvrtc.headers:
        pytest.skip("the package nvidia-cuda-runtime is not installed")
    compiles, log = nvrtc(case.code)
    if case.faults == {"shared limit"}:
        return  # NVRTC leaves that to the assembler
    assert compiles, log
