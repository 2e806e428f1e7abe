"""Cases: reductions, barriers, bounds, order in shared memory, warp operations."""

import numpy as np
from sim_case import case, f32, i32, ramp, without
from sim_kernels import text

# ---- reductions ----

TREE = text("reduce.cu").split("__device__")[0]
TREE_LAUNCH = {
    "grid": (4,), "block": (256,), "make": lambda: (ramp(1000), np.zeros(4, f32), i32(1000))
}  # fmt: skip
case("tree, right", "", TREE, **TREE_LAUNCH)
case("no barrier in the loop", "race", without(TREE, "__syncthreads();", 2), 12, **TREE_LAUNCH)
case("no barrier before the loop", "race", without(TREE, "__syncthreads();", 1), 12, **TREE_LAUNCH)
case("guard <= for <", "out of bounds", TREE.replace("i < n ?", "i <= n ?"), 9, **TREE_LAUNCH)

# ---- barriers ----

case(
    "barrier inside an if",
    "divergence",
    """float* y
__shared__ float s[64]; s[t] = t;
if (t < 32) __syncthreads();
y[t] = s[t];
__syncthreads();
y[t] += s[63 - t];""",
    5,
)  # the threads that skip the first wait there
case(
    "barrier skipped by leaving",
    "left before barrier",
    """float* y
if (t >= 48) return;
__syncthreads();
y[t] = t;""",
    3,
)
case(
    "barriers in if and else",
    "divergence",
    """float* y
if (t & 1) { y[t] = 1; __syncthreads(); }
else { y[t] = 2; __syncthreads(); }""",
    3,
)
case(
    "two barriers on one line",
    "divergence",
    """float* y
if (t < 32) { __syncthreads(); } __syncthreads();
y[t] = 1; __syncthreads();""",
    2,
)
case(
    "barrier in a loop of different length",
    "left before barrier",
    """float* y
for (int i = 0; i < t / 32 + 1; i++) {
  y[t] += 1;
  __syncthreads(); }""",
    4,
)
case(
    "uniform loop with barriers, unrolled",
    "",
    """float* y, int n
__shared__ float s[64]; float v = t;
#pragma unroll 4
for (int i = 0; i < n; i++) {
  s[t] = v; __syncthreads();
  v += s[(t + 1) % 64]; __syncthreads();
  if (t == 3) v += 1;
}
y[t] = v;""",
    make=lambda: (ramp(64), i32(7)),
)
case(
    "barrier and warp operation",
    "deadlock",
    """float* y
if (t % 32 < 16) y[t] += __shfl_xor_sync(0xffffffff, y[t], 1);
__syncthreads();""",
    3,
)

# ---- bounds ----

TWO = {"make": lambda: (ramp(64), ramp(64))}
case(
    "global read past the end",
    "out of bounds",
    """const float* x, float* y
y[t] = x[t + 1];""",
    2,
    **TWO,
)
case(
    "global read at -1",
    "out of bounds",
    """const float* x, float* y
y[t] = x[t - 1];""",
    2,
    **TWO,
)
case(
    "store past a table",
    "out of bounds",
    """float* y
y[t * 8 + 8] = 1;""",
    2,
    make=lambda: (np.zeros((64, 8), f32),),
)
case(
    "shared table",
    "out of bounds",
    """float* y
__shared__ float tile[4][17];
tile[t / 16][t % 16] = 1; __syncthreads();
y[t] = tile[t / 16 + 1][t % 16];""",
    4,
)
case(
    "dynamic shared",
    "out of bounds",
    """float* y
extern __shared__ float buf[];
buf[t] = 1;
y[t] = buf[t];""",
    3,
    shared=128,
)
case("dynamic shared declared outside", "", 'extern __shared__ float buf[];\n'
     'extern "C" __global__ void k(float* y) { int t = threadIdx.x;\n'
     "buf[t] = 1;\ny[t] = buf[t]; }", shared=256)  # fmt: skip

# ---- races and order in shared memory ----

case(
    "uninitialised",
    "uninitialised",
    """float* y
__shared__ float s[64];
if (t) s[t] = t;
__syncthreads();
y[t] = s[63 - t];""",
    5,
)
case(
    "two writers",
    "race",
    """float* y
__shared__ float s;
s = t; __syncthreads();
y[t] = s;""",
    3,
)
case(
    "warp tail without __syncwarp",
    "race",
    """float* y
__shared__ float s[64]; s[t] = t; __syncthreads();
if (t < 32) { for (int o = 32; o; o >>= 1)
  s[t] += s[t + o]; }
__syncthreads(); y[t] = s[0];""",
    4,
)
case(
    "warp tail with __syncwarp",
    "",
    """float* y
__shared__ float s[64]; s[t] = t; __syncthreads();
if (t < 32) {
  float v = s[t];
  for (int o = 32; o; o >>= 1) { v += s[t + o]; __syncwarp(); s[t] = v; __syncwarp(); }
}
__syncthreads(); y[t] = s[0];""",
)
case(
    "atomic against plain",
    "race",
    """float* y
__shared__ float s; if (!t) s = 0;
__syncthreads();
atomicAdd(&s, 1.0f);
y[t] = s;""",
    5,
)
case(
    "atomics only",
    "",
    """float* y
__shared__ int s; if (!t) s = 0;
__syncthreads();
atomicAdd(&s, 1); __syncthreads();
y[t] = s;""",
)
case(
    "bf16 neighbours",
    "",
    '#include <cuda_bf16.h>\nextern "C" __global__ void k(float* y) {\n'
    "__shared__ __nv_bfloat16 s[64]; int t = threadIdx.x;\n"
    "s[t] = __float2bfloat16(t); __syncthreads();\ny[t] = __bfloat162float(s[63 - t]); }",
)
case(
    "int8 neighbours",
    "",
    """float* y
__shared__ signed char s[64];
s[t] = t; __syncthreads();
y[t] = s[63 - t];""",
)

# ---- warp operations ----

case(
    "shuffle in a branch with the whole mask",
    "deadlock",
    """float* y
float v = t;
if (t % 32 < 16) v += __shfl_xor_sync(0xffffffff, v, 1);
__syncthreads(); y[t] = v;""",
    4,
)
case(
    "mask without the own lane",
    "wrong mask",
    """float* y
float v = t;
v += __shfl_xor_sync(0xffff, v, 1);
y[t] = v;""",
    3,
)
case(
    "shuffle from outside the mask",
    "wrong lane",
    """float* y
float v = t;
if (t % 32 < 16) v = __shfl_down_sync(0xffff, v, 1);
y[t] = v;""",
    3,
)
case(
    "halves of a warp, right masks",
    "",
    """float* y
float v = t;
if (t % 32 < 16) v += __shfl_xor_sync(0xffff, v, 1);
else v -= __shfl_xor_sync(0xffff0000, v, 1);
y[t] = v;""",
)
