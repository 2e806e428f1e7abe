"""Cases: what ends a launch, asynchronous copies, attention, races between blocks."""

import numpy as np
from sim_case import bf16, case, f32, i32, ramp, without
from sim_kernels import text

# ---- what ends a launch ----

FLOAT4 = {"make": lambda: (ramp(257), ramp(64))}
MISALIGNED = """const float* x, float* y
float4 a = *reinterpret_cast<const float4*>(x + t * 4 + 1);
y[t] = a.x + a.y + a.z + a.w;"""
case("misaligned float4", "misaligned", MISALIGNED, 2, **FLOAT4)
# a CPU lets it pass unless the compiler chose an instruction that does not
case("misaligned float4, unchecked", "", MISALIGNED.replace("+ 1)", "+ 0)"), check=False, **FLOAT4)
ENDLESS = """volatile float* y
while (y[0] < 1e9f) { }
y[t] = 1;"""
case("endless loop", "time limit", ENDLESS, 2)
case("endless loop, unchecked", "time limit", ENDLESS, 2, check=False)
case(
    "wild pointer, unchecked",
    "bad pointer",
    """float* y
y[t * 4096] = 1;""",
    2,
    check=False,
)
case(
    "just past the end, unchecked",
    "bad pointer",
    """float* y
y[t + 64] = 1;""",
    2,
    check=False,
)
case(
    "stack overflow",
    "stack overflow",
    """float* y
volatile float a[20000];
for (int i = 19999; i >= 0; i -= 256) a[i] = t;
y[t] = a[5];""",
)
DIVISION = {"make": lambda: (ramp(64, i32), i32(0))}
case("division by zero", "division", "int* y, int n\ny[t] = t / n;", 2, **DIVISION)
case(
    "division by zero, unchecked",
    "division",
    "int* y, int n\ny[t] = t / n;",
    2,
    check=False,
    **DIVISION,
)
case(
    "static shared over 48 KiB",
    "shared limit",
    """float* y
__shared__ float s[13000];
s[t] = t; y[t] = s[t];""",
    2,
)

# ---- asynchronous copies ----

COPY = """#include "mma.cuh"
extern "C" __global__ void k(const float* x, float* y) {
__shared__ float s[256]; int t = threadIdx.x;
cp_async16(&s[t * 4], x + t * 4); cp_async_commit();
WAIT
BARRIER
y[t] = s[255 - t]; }"""
COPIED = {"make": lambda: (ramp(256), ramp(64))}
WAITING, MEETING = ("WAIT", "cp_async_wait<0>();"), ("BARRIER", "__syncthreads();")
case("cp.async, right", "", COPY.replace(*WAITING).replace(*MEETING), **COPIED)
case("cp.async without wait", "in flight", COPY.replace("WAIT", "").replace(*MEETING), 7, **COPIED)
case("cp.async without barrier", "race", COPY.replace(*WAITING).replace("BARRIER", ""), 7, **COPIED)

# ---- attention ----

BF16 = text("attention_bf16.cu")
BF16_LAUNCH = {
    "grid": (4, 1), "block": (128,), "shared": 40960,
    "make": lambda: (*np.ones((4, 1, 256, 64), bf16), np.zeros(256, f32), i32(256), f32(0.1)),
}  # fmt: skip
F32 = text("attention_f32.cu").replace(
    "template <bool CAUSAL>\n__global__", '#define CAUSAL true\nextern "C" __global__'
)
F32_LAUNCH = {**BF16_LAUNCH, "shared": 66560,
              "make": lambda: (*np.ones((4, 1, 256, 64), f32), np.zeros(256, f32), i32(256), f32(0.1))}  # fmt: skip
case("attention bf16, right", "", BF16, **BF16_LAUNCH)
case("attention bf16, wait<1>", "in flight", BF16.replace("wait<0>", "wait<1>"), **BF16_LAUNCH)
case("attention bf16, no barrier", "race", without(BF16, "__syncthreads();"), **BF16_LAUNCH)
case(
    "attention bf16, one buffer",
    "race",
    BF16.replace("(j & 1) * TILE", "0").replace("((j + 1) & 1) * TILE", "0"),
    **BF16_LAUNCH,
)
case(
    "attention bf16, swizzle differs",
    "uninitialised",
    BF16.replace("at(tile, i / 8, i % 8 * 8)", "tile + i / 8 * 64 + i % 7 * 8"),
    **BF16_LAUNCH,
)
case("attention bf16, too little shared", "out of bounds", BF16, **{**BF16_LAUNCH, "shared": 32768})
case("attention f32, right", "", F32, **F32_LAUNCH)
case("attention f32, no __syncwarp", "race", F32.replace("__syncwarp();", ""), **F32_LAUNCH)
case("attention f32, no first barrier", "race", without(F32, "__syncthreads();", 1), **F32_LAUNCH)
case("attention f32, no second barrier", "race", without(F32, "__syncthreads();", 2), **F32_LAUNCH)

# ---- global memory, between blocks ----

GLOBAL = {"grid": (2,)}
case("blocks write the same elements", "global race", "float* y\ny[t] = blockIdx.x;", 2, **GLOBAL)
case(
    "a block reads its neighbour's element",
    "global race",
    """float* y
int i = blockIdx.x * 64 + t;
y[i] = y[(i + 1) % 128] + 1;""",
    3,
    make=lambda: (ramp(128),),
    **GLOBAL,
)
case("sum without an atomic", "global race", "float* y\nif (t == 0) y[0] += 1;", 2, **GLOBAL)
case(
    "atomic against plain between blocks",
    "global race",
    """float* y
if (blockIdx.x == 0 && t == 0) y[0] = 0;
if (t == 0) atomicAdd(y, 1.0f);""",
    3,
    **GLOBAL,
)
case("atomics between blocks", "", "float* y\natomicAdd(&y[t], 1.0f);", **GLOBAL)
case(
    "all blocks read, each writes its own",
    "",
    """const float* x, float* y
y[blockIdx.x * 64 + t] = x[t] + x[63 - t];""",
    make=lambda: (ramp(64), ramp(128)),
    **GLOBAL,
)
case("bf16 neighbours of two blocks", "", '#include <cuda_bf16.h>\n'
     'extern "C" __global__ void k(__nv_bfloat16* y) {\n'
     "y[threadIdx.x * 2 + blockIdx.x] = __float2bfloat16(1.0f); }",
     make=lambda: (np.zeros(128, bf16),), **GLOBAL)  # fmt: skip
LAST_BLOCK = """float* sums, unsigned* count, float* y
__shared__ bool last;
if (t == 0) {
  sums[blockIdx.x] = blockIdx.x + 1;
  FENCE
  last = atomicAdd(count, 1u) == gridDim.x - 1;
}
__syncthreads();
if (last && t < gridDim.x) y[t] = sums[t];"""
LAST = {"grid": (5,), "make": lambda: (np.zeros(5, f32), np.zeros(1, np.uint32), np.zeros(5, f32))}
case("the last block adds up", "", LAST_BLOCK.replace("FENCE", "__threadfence();"), **LAST)
case(
    "the last block adds up without a fence",
    "global race",
    LAST_BLOCK.replace("FENCE", ""),
    9,
    **LAST,
)
case("a flag between blocks", "", """float* x, volatile int* flag, float* y
if (blockIdx.x == 0) { x[t] = t; __threadfence(); __syncthreads(); if (t == 0) *flag = 1; }
else { if (t == 0) while (*flag == 0) { } __syncthreads(); y[t] = x[t]; }""",
     make=lambda: (ramp(64), np.zeros(1, i32), ramp(64)), orders=("forward",), **GLOBAL)  # fmt: skip

case(
    "several blocks read, one writes",
    "global race",
    """float* y
float v = y[5];
if (blockIdx.x == 3 && t == 0) y[5] = v + 1;""",
    3,
    grid=(4,),
)

# ---- what compilers make of structures ----

case("three numbers stored as one and a half", "", "float3* x\nx[t] = make_float3(1, 2, 3);",
     make=lambda: (np.zeros(192, f32),))  # fmt: skip
PADDED = """float* y
struct Best { float value; int index; short kind; };
__shared__ Best s[64];
if (GUARD) s[t] = Best{1, t, 3};
__syncthreads();
Best b = s[63 - t];
y[t] = b.value + b.index + b.kind;"""
case("a structure with padding in shared memory", "", PADDED.replace("GUARD", "true"))
case("a structure with padding, one unwritten", "uninitialised", PADDED.replace("GUARD", "t"), 6)

# ---- the rest ----

case(
    "an atomic for all lanes of a branch",
    "",
    """const float* x, int* n, float* y
if (t % 3) {
  unsigned together = __activemask();
  int leader = __ffs(together) - 1, base = 0;
  if (t == leader) base = atomicAdd(n, __popc(together));
  base = __shfl_sync(together, base, leader);
  y[base + __popc(together & ((1u << t) - 1))] = 1;
} else y[31] = __popc(__activemask()) < 12;""",
    block=(32,),
    make=lambda: (ramp(32), np.zeros(1, i32), np.zeros(32, f32)),
)

case("assertion", "assertion", "float* y\nassert(y[t] < 63);", 2)
case(
    "different operations under one mask",
    "mixed warp",
    """float* y
if (t < 16) y[t] = __shfl_xor_sync(0xffffffff, y[t], 1);
else y[t] = __any_sync(0xffffffff, t);""",
    3,
    block=(32,),
)
