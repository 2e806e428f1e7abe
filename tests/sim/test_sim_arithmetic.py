"""16-bit floating point bit for bit, CUDA's own functions, and the packaged kernels."""

import re

import ml_dtypes
import numpy as np
import pytest

from mlstack_lib import sim
from mlstack_lib.kernels import PACKAGED, assemble

f32, i32 = np.float32, np.int32


def apply(expression: str, x: np.ndarray, result=f32, header: str = "") -> np.ndarray:
    """`expression` of each element v of x, computed by a kernel."""
    c_names = {"float32": "float", "int32": "int", "uint32": "unsigned", "uint16": "unsigned short"}
    given, wanted = c_names[x.dtype.name], c_names[np.dtype(result).name]
    code = (f'{header}\nextern "C" __global__ void k(const {given}* x, {wanted}* y, int n) {{\n'
            f"int i = blockIdx.x * blockDim.x + threadIdx.x;\nif (i < n) {{ {given} v = x[i]; y[i] = {expression}; }}\n}}")  # fmt: skip
    y = sim.empty(x.size, result)
    with sim.config(check=False):
        sim.RawKernel(code, "k")((-(-x.size // 256),), (256,), (sim.asarray(x), y, i32(x.size)))
    return sim.asnumpy(y)


def bits(x: np.ndarray) -> np.ndarray:
    """The bits of floats, all NaN made one."""
    x = np.array(x)
    kind = {2: np.uint16, 4: np.uint32}[x.dtype.itemsize]
    return np.where(np.isnan(x.astype(f32)), np.iinfo(kind).max, x.view(kind))


ALL16 = np.arange(1 << 16, dtype=np.uint16)


def floats(rng) -> np.ndarray:
    """Random bits, the neighbourhood of what rounds to even, and the limits of binary16."""
    random = rng.integers(0, 1 << 32, 200_000, dtype=np.uint64).astype(np.uint32)
    halves = ALL16.view(np.float16).astype(f32).view(np.uint32)
    ties = [halves + np.uint32(d) for d in (0, 0xFFF, 0x1000, 0x1001, 0x7FFF, 0x8000, 0x8001)]
    return np.concatenate([random, *ties]).view(f32)


@pytest.mark.filterwarnings("ignore:overflow")
def test_binary16_is_converted_as_numpy_does(compiler):
    header = "#include <cuda_fp16.h>"
    got = apply("__half2float(__ushort_as_half(v))", ALL16, f32, header)
    assert (bits(got) == bits(ALL16.view(np.float16).astype(f32))).all()
    x = floats(np.random.default_rng(0))
    got = apply("__half_as_ushort(__float2half(v))", x, np.uint16, header)
    assert (bits(got.view(np.float16)) == bits(x.astype(np.float16))).all()


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_bf16_is_converted_as_ml_dtypes_does(compiler):
    header = "#include <cuda_bf16.h>"
    got = apply("__bfloat162float(__ushort_as_bfloat16(v))", ALL16, f32, header)
    assert (bits(got) == bits(ALL16.view(ml_dtypes.bfloat16).astype(f32))).all()
    x = floats(np.random.default_rng(1))
    got = apply("__bfloat16_as_ushort(__float2bfloat16(v))", x, np.uint16, header)
    assert (bits(got.view(ml_dtypes.bfloat16)) == bits(x.astype(ml_dtypes.bfloat16))).all()


X = np.array([-3.5, -1, -0.25, 0, 0.25, 0.5, 1, 2.5, 40], f32)
U = np.array([0, 1, 2, 3, 255, 0x80000000, 0xFFFFFFFF, 0x12345678], np.uint32)
FUNCTIONS = [
    ("expf(v)", X, np.exp(X)), ("exp(v)", X, np.exp(X)), ("__expf(v)", X, np.exp(X)),
    ("exp2f(v)", X, np.exp2(X)), ("tanhf(v)", X, np.tanh(X)), ("rsqrtf(v * v + 1)", X, 1 / np.sqrt(X * X + 1)),
    ("fmaf(v, v, 1.0f)", X, X * X + 1), ("max(v, 0.0f)", X, np.maximum(X, 0)), ("fminf(v, 1.0f)", X, np.minimum(X, 1)),
    ("__saturatef(v)", X, np.clip(X, 0, 1)), ("__fdividef(v, 2.0f)", X, X / 2), ("rintf(v)", X, np.rint(X)),
    ("normcdff(v)", np.zeros(3, f32), np.full(3, 0.5)), ("copysignf(1.0f, v)", X, np.copysign(1, X)),
]  # fmt: skip
WHOLE = [
    ("__float2int_rn(v)", X, i32, [-4, -1, 0, 0, 0, 0, 1, 2, 40]),
    (
        "__float2int_rz(v)",
        np.array([1e20, -1e20, np.nan, -2.9], f32),
        i32,
        [2**31 - 1, -(2**31), 0, -2],
    ),
    ("__float2uint_rn(v)", np.array([-5, 1e20, 7.5], f32), np.uint32, [0, 2**32 - 1, 8]),
    ("__popc(v)", U, i32, [0, 1, 1, 2, 8, 1, 32, 13]),
    ("__clz(v)", U, i32, [32, 31, 30, 30, 24, 0, 0, 3]),
    ("__ffs(v)", U, i32, [0, 1, 2, 1, 1, 32, 1, 4]),
    ("__brev(v)", U, np.uint32, [int(f"{n:032b}"[::-1], 2) for n in U]),
    ("__umulhi(v, v)", U, np.uint32, [int(n) ** 2 >> 32 for n in U]),
    (
        "__byte_perm(v, 0, 0x0123)",
        U,
        np.uint32,
        [int.from_bytes(int(n).to_bytes(4, "little"), "big") for n in U],
    ),
    ("__float_as_int(__int_as_float(v))", U, np.uint32, U),
    ("max(v, 5)", U, np.uint32, np.maximum(U, 5)),
]


@pytest.mark.parametrize(("expression", "x", "want"), FUNCTIONS, ids=lambda value: str(value)[:24])
def test_functions_of_floats(expression, x, want, compiler):
    np.testing.assert_allclose(apply(expression, x), want, rtol=3e-7, atol=0)


@pytest.mark.parametrize(
    ("expression", "x", "result", "want"), WHOLE, ids=lambda value: str(value)[:24]
)
def test_functions_of_whole_numbers(expression, x, result, want, compiler):
    assert apply(expression, x, result).tolist() == list(want)


WARP = [
    ("__shfl_sync(~0u, t, 5)", [5] * 32), ("__shfl_sync(~0u, t, 5, 8)", [t // 8 * 8 + 5 for t in range(32)]),
    ("__shfl_up_sync(~0u, t, 3)", [t if t < 3 else t - 3 for t in range(32)]),
    ("__shfl_down_sync(~0u, t, 30)", [t if t > 1 else t + 30 for t in range(32)]),
    ("__shfl_down_sync(~0u, t, 1, 4)", [t if t % 4 == 3 else t + 1 for t in range(32)]),
    ("__shfl_xor_sync(~0u, t, 9)", [t ^ 9 for t in range(32)]),
    ("(int)__ballot_sync(~0u, t % 3 == 0)", [0x49249249] * 32),
    ("__any_sync(~0u, t == 7)", [1] * 32), ("__all_sync(~0u, t == 7)", [0] * 32), ("__all_sync(~0u, 1)", [1] * 32),
    ("(int)__match_any_sync(~0u, t / 16)", [0xFFFF] * 16 + [-65536] * 16),
    ("__reduce_add_sync(~0u, t)", [496] * 32), ("__reduce_min_sync(~0u, t - 9)", [-9] * 32),
    ("(int)__reduce_max_sync(~0u, (unsigned)t)", [31] * 32), ("__syncthreads_count(t < 5)", [5] * 32),
    ("__syncthreads_or(t == 40)", [0] * 32), ("__syncthreads_and(t < 40)", [1] * 32), ("warpSize", [32] * 32),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "want"), WARP, ids=lambda value: str(value)[:30])
def test_operations_of_a_warp(expression, want, compiler):
    code = f'extern "C" __global__ void k(int* y) {{ int t = threadIdx.x; y[t] = {expression}; }}'
    for order in ("forward", "reverse", "random:2"):
        with sim.config(order=order):
            y = sim.empty(32, i32)
            sim.RawKernel(code, "k")((1,), (32,), (y,))
        assert y.tolist() == want


ATOMICS = [
    ("atomicAdd(y, 3)", i32, 10, 10 + 3 * 64), ("atomicAdd(y, 0.5f)", f32, 1, 33), ("atomicSub(y, 1)", i32, 100, 36),
    ("atomicMax(y, t)", i32, 5, 63), ("atomicMin(y, t - 9)", i32, 5, -9), ("atomicInc(y, 9u)", np.uint32, 0, 4),
    ("atomicDec(y, 9u)", np.uint32, 0, 6), ("atomicOr(y, 1u << t % 32)", np.uint32, 0, 2**32 - 1),
    ("atomicXor(y, 1)", i32, 1, 1), ("atomicExch(y, 7)", i32, 1, 7), ("atomicAdd(y, 1.5)", np.float64, 0, 96),
    ("{ int old; do old = *y; while (atomicCAS(y, old, old + 2) != old); }", i32, 0, 128),
]  # fmt: skip


@pytest.mark.parametrize(
    ("update", "dtype", "begin", "want"), ATOMICS, ids=lambda value: str(value)[:24]
)
def test_atomics_of_64_threads(update, dtype, begin, want, compiler):
    c_name = {"int32": "int", "uint32": "unsigned", "float32": "float", "float64": "double"}[
        np.dtype(dtype).name
    ]
    code = f'extern "C" __global__ void k({c_name}* y) {{ int t = threadIdx.x; {update}; }}'
    y = sim.asarray(np.array([begin], dtype))
    sim.RawKernel(code, "k")((1,), (64,), (y,))
    assert y[0] == want


# ---- the course's own kernels ----

# What launchers define, for the files that use it.
CONSTANTS = {
    "ACCUMULATE": 0, "BLOCK": 128, "BM": 64, "BN": 64, "BK": 16, "COLUMNS": 32, "D": 64, "PER_LANE": 4,
    "PER_THREAD": 4, "POSITIONS": 1, "RESIDUAL": 1, "ROWS": 32, "SPLITS": 2, "STAGES": 2, "THREADS": 128,
    "TM": 4, "TN": 4, "TRANS_A": 0, "TRANS_B": 1, "VECTOR": 1, "WARPS": 4, "WIDE": 8,
}  # fmt: skip
# What the included files use of them.
OF_TILES = {
    "tile.cuh": {"BM", "BN", "BK", "TM", "TN", "TRANS_A", "TRANS_B", "VECTOR"},
    "attention_tile.cuh": {"D", "THREADS", "VECTOR", "WIDE"},
}


@pytest.mark.parametrize("file", sorted(PACKAGED.glob("*.cu")), ids=lambda file: file.stem)
def test_packaged_kernels_are_accepted(file, compiler):
    text = file.read_text(encoding="utf-8")
    tiles = set().union(*(names for included, names in OF_TILES.items() if f'"{included}"' in text))
    used = {n: v for n, v in CONSTANTS.items() if n in tiles or re.search(rf"\b{n}\b", text)}
    module = sim.RawModule(assemble(file.stem, ".cu", used))
    assert file.stem in module.source.signatures
    module.compile()
