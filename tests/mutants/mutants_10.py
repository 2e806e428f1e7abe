"""Wrong kernels of chapter 10."""

from zoo import kernel_mutant

RSTD = "Look: the mean of the squares of x - mu, so over c, plus eps"
FORMULA = "first the mean of the row, then squares of what differs from it"

# ---- 10.1 layernorm_thread ----

THREAD = ("10.1 layernorm_thread", "layernorm_thread")
SQUARES = "squares += (x[begin + j] - mu) * (x[begin + j] - mu);"
kernel_mutant(*THREAD, SQUARES, "squares += x[begin + j] * x[begin + j];", RSTD)
kernel_mutant(
    *THREAD,
    f"{SQUARES}\n    r = rsqrtf(squares / c + eps);",
    "squares += x[begin + j] * x[begin + j];\n    r = rsqrtf(squares / c - mu * mu + eps);",
    FORMULA,
)
kernel_mutant(*THREAD, "rsqrtf(squares / c + eps)", "1.0f / (sqrtf(squares / c) + eps)", RSTD)
kernel_mutant(
    *THREAD, "squares / c + eps", "squares / (c - 1) + eps", "rstd[0] is 0.7957, want 0.8046"
)
kernel_mutant(*THREAD, "rstd[row] = r;", "", "rstd[0] is nan, want 0.8046 (nan: never written")
kernel_mutant(*THREAD, "rsqrtf(squares / c + eps)", "rsqrtf(squares / c)", RSTD)
kernel_mutant(*THREAD, "rsqrtf(squares / c + eps)", "rsqrtf((squares + eps) / c)", RSTD)
kernel_mutant(*THREAD, "= rsqrtf", "= sqrtf", RSTD)
kernel_mutant(*THREAD, " + bias[j]", "", "Look: x[begin + j] - mu, times r")
kernel_mutant(*THREAD, "mu = sum / c", "mu = sum / n", "Look: the sum of this thread's row")
kernel_mutant(*THREAD, "weight[j] + bias[j]", "weight[row] + bias[row]", "y[0, 1] is")
kernel_mutant(*THREAD, "begin + j] - mu) * r * weight", "j] - mu) * r * weight", "y[1, 0] is")
kernel_mutant(
    *THREAD,
    f"{SQUARES}\n    r = rsqrtf(squares / c + eps);\n"
    "    for (unsigned j = 0; j < c; j++) y[begin + j] = (x[begin + j] - mu) * r",
    "{ y[begin + j] = x[begin + j] - mu; squares += y[begin + j] * y[begin + j]; }\n"
    "    r = rsqrtf(squares / c + eps);\n"
    "    for (unsigned j = 0; j < c; j++) y[begin + j] = y[begin + j] * r",
    "requests to write, 68 would do",
)
kernel_mutant(  # shifted by the row's first number: exact, but two passes
    *THREAD,
    "sum += x[begin + j];\n    mu = sum / c;\n"
    f"    for (unsigned j = 0; j < c; j++) {SQUARES}\n    r = rsqrtf(squares / c + eps);",
    "{ float d = x[begin + j] - x[begin]; sum += d; squares += d * d; }\n"
    "    sum /= c;\n    mu = x[begin] + sum;\n    r = rsqrtf(squares / c - sum * sum + eps);",
    "three passes are 320 requests to read, it makes",
)

# ---- 10.2 layernorm_block ----

BLOCK = ("10.2 layernorm_block", "layernorm_block")
STRIDE = "Look: thread t takes t, t + BLOCK, t + 2 BLOCK"
SUM = "for (unsigned j = t; j < c; j += BLOCK) sum += x[begin + j];"
kernel_mutant(*BLOCK, SUM, "if (t < c) sum = x[begin + t];", STRIDE)
kernel_mutant(*BLOCK, SUM, SUM.replace("j < c", "j <= c"), "index out of range")
kernel_mutant(*BLOCK, SUM, SUM.replace("j = t", "j = 0").replace("+= BLOCK", "++"), "mean[0] is")
kernel_mutant(
    *BLOCK, "block_sum(sum, scratch)", "warp_sum(sum)", "block_sum gives the sum to every thread"
)
kernel_mutant(*BLOCK, "block_sum(squares, scratch)", "squares", "rstd[0] is")
kernel_mutant(*BLOCK, SUM, SUM.replace("+= BLOCK", "+= 64"), "Look: BLOCK is another here")
kernel_mutant(*BLOCK, SUM, SUM.replace("+= BLOCK", "+= 256"), STRIDE)
kernel_mutant(*BLOCK, "weight[j] + bias[j]", "weight[t] + bias[t]", STRIDE)
kernel_mutant(
    *BLOCK, f"{SUM}\n    mu = block_sum(sum, scratch) / c;",
    "for (unsigned j = 0; j < c; j++) sum += x[begin + j];\n    mu = sum / c;",
    "requests to read, 160 would do",
)  # fmt: skip
kernel_mutant(
    *BLOCK, "mu = block_sum(sum, scratch) / c;",
    "if (t == 0) scratch[0] = 0.0f;\n    __syncthreads();\n    atomicAdd(&scratch[0], sum);\n"
    "    __syncthreads();\n    mu = scratch[0] / c;\n",
    "atomics, 0 would do",
)  # fmt: skip
kernel_mutant(
    *BLOCK, SUM,
    "unsigned share = (c + BLOCK - 1) / BLOCK;\n"
    "    for (unsigned j = t * share; j < min(c, (t + 1) * share); j++) sum += x[begin + j];",
    "sectors for a request",
)  # fmt: skip

# ---- 10.3 layernorm_warp ----

WARP = ("10.3 layernorm_warp", "layernorm_warp")
kernel_mutant(*WARP, "if (lane + 32 * i < c) squares", "squares", "but 0 - mu is not 0")
kernel_mutant(*WARP, "warp_sum(sum) / c", "sum / c", "warp_sum gives every lane the sum")
kernel_mutant(*WARP, "warp_sum(sum) / c", "warp_sum(sum) / 32", "mean[0] is")
kernel_mutant(
    *WARP, "weight[j] + bias[j]", "weight[lane] + bias[lane]", "v[i] is number lane + 32 * i"
)
kernel_mutant(*WARP, "warp_sum(squares) / c", "warp_sum(squares) / (c - 1)", RSTD)
kernel_mutant(
    *WARP, "if (j < c) y[", "if (j >= c) return;\n        y[", "PER_LANE may be more than a row"
)
kernel_mutant(*WARP, "if (j < c) y[begin + j]", "y[begin + j]", "index out of range")
kernel_mutant(
    *WARP,
    "squares += (v[i] - mu) * (v[i] - mu);\n    r = rsqrtf(warp_sum(squares) / c + eps);",
    "squares += v[i] * v[i];\n    r = rsqrtf(warp_sum(squares) / c - mu * mu + eps);",
    FORMULA,
)
kernel_mutant(*WARP, "= (v[i] - mu) * r", "= (x[begin + j] - mu) * r", "requests to read, 96 would")
kernel_mutant(
    *WARP, "mu = warp_sum(sum) / c;",
    "__shared__ float scratch[32]; mu = block_sum(sum, scratch) / WARPS / c;",
    "shared memory read before it was written",
)  # fmt: skip

# ---- 10.4 layernorm_vector ----

VECTOR = ("10.4 layernorm_vector", "layernorm_vector")
LOAD = "v[i] = q < quads ? x4[q] : make_float4(0.0f, 0.0f, 0.0f, 0.0f);"
kernel_mutant(*VECTOR, LOAD, "v[i] = x4[q];", "index out of range")
kernel_mutant(*VECTOR, LOAD, LOAD.replace("quads", "c"), "index out of range")
kernel_mutant(*VECTOR, LOAD, LOAD.replace("x4[q]", "x4[4 * q]"), "index out of range")
kernel_mutant(*VECTOR, LOAD, LOAD.replace("x4[q]", "x4[lane]"), "Look in the load: ")
kernel_mutant(
    *VECTOR,
    "sum += (v[i].x + v[i].y) + (v[i].z",
    "sum += (v[i].x + v[i].y) + (v[i].y",
    "mean[0] is",
)
kernel_mutant(*VECTOR, "v[i].y * r * w.y + b.y", "v[i].y * r * w.x + b.x", "y[0, 1] is")
kernel_mutant(*VECTOR, "v[i].y * r * w.y", "v[i].y * w.y", "Look in the store: v is centred")
kernel_mutant(
    *VECTOR, "if (q >= quads) continue;", "if (q >= quads) return;", "QUADS 2. Look in the store: "
)
kernel_mutant(*VECTOR, "= make_float4(v[i].x * r", "= float4(v[i].x * r", "make_float4(a, b, c, d)")
kernel_mutant(
    *VECTOR, "x4[q] : make",
    "make_float4(x[begin + 4 * q], x[begin + 4 * q + 1],\n"
    "x[begin + 4 * q + 2], x[begin + 4 * q + 3]) : make".replace("begin", "(size_t)row * c"),
    "requests to read, 48 would do",
)  # fmt: skip

# ---- 10.5 residual_layernorm_forward ----

RESIDUAL = ("10.5 residual_layernorm_forward", "residual_layernorm_forward")
ADD = "v[i] = j < c ? x[begin + j] + delta[begin + j] : 0.0f;"
kernel_mutant(*RESIDUAL, ADD, ADD.replace(" + delta[begin + j]", ""), "residual[0, 0] is")
kernel_mutant(*RESIDUAL, ADD, ADD.replace("delta[begin + j]", "delta[j]"), "residual[1, 0] is")
kernel_mutant(*RESIDUAL, ADD, "v[i] = x[begin + j] + delta[begin + j];", "index out of range")
kernel_mutant(*RESIDUAL, "if (j < c) residual", "residual", "index out of range")
kernel_mutant(
    *RESIDUAL, "if (j < c) residual[begin + j] = v[i];", "", "residual[0, 0] is nan, want"
)
kernel_mutant(
    *RESIDUAL, "residual[begin + j] = v[i];",
    "residual[begin + j] = x[begin + j] + delta[begin + j];\n"
    "        v[i] = j < c ? ((volatile float*)residual)[begin + j] : 0.0f;",
    "requests to read, 128 would do",
)  # fmt: skip

# ---- 10.6 layernorm_bf16 ----

SHORT = ("10.6 layernorm_bf16", "layernorm_bf16")
kernel_mutant(*SHORT, "__uint_as_float(p.x << 16)", "p.x << 16", "mean[0] is")
kernel_mutant(*SHORT, "p.y & 0xffff0000u", "p.y", "below them are zeros")
kernel_mutant(*SHORT, "y4[q] = make_uint2(low", "y4[q] = uint2(low", "make_uint2(a, b)")
kernel_mutant(*SHORT, "y4[q] = make_uint2(low, high);", "y4[q] = v[i];", "make_uint2(low, high)")
kernel_mutant(
    *SHORT, "unsigned low = pack_bf16(v[i].x * r * w.x + b.x, v[i].y * r * w.y + b.y);",
    "unsigned low = __float_as_uint(v[i].x * r * w.x + b.x) >> 16 |\n"
    "(__float_as_uint(v[i].y * r * w.y + b.y) & 0xffff0000u);", "Look in the store: ",
)  # fmt: skip
kernel_mutant(
    *SHORT, "v.x = __uint_as_float(p.x << 16);\n    v.y = __uint_as_float(p.x & 0xffff0000u);",
    "v.y = __uint_as_float(p.x << 16);\n    v.x = __uint_as_float(p.x & 0xffff0000u);", "y[0, 0] is",
)  # fmt: skip
kernel_mutant(*SHORT, "__uint_as_float(p.y << 16)", "__uint_as_float(p.y)", "is")
kernel_mutant(*SHORT, "make_uint2(low, high)", "make_uint2(high, low)", "y[0, 0] is")
kernel_mutant(*SHORT, "make_uint2(low, high)", "make_uint2(low, low)", "y[0, 2] is")
kernel_mutant(*SHORT, "v[i].y * r * w.y + b.y);", "v[i].y * r * w.x + b.x);", "y[0, 1] is")

# ---- 10.7 layernorm_backward ----

BACKWARD = ("10.7 layernorm_backward", "layernorm_backward")
kernel_mutant(
    *BACKWARD,
    "(x[begin + j] - mu) * r",
    "(x[begin + j] - mu)",
    "Look: d times xhat, which is (x - mu) * r",
)
kernel_mutant(
    *BACKWARD, "dweight[i] += d * xhat[i]", "dweight[i] += g[i] * xhat[i]", "dweight[0] is"
)
kernel_mutant(*BACKWARD, "dbias[i] += d;", "dbias[i] = d;", "add to dweight[i] and dbias[i]")
kernel_mutant(
    *BACKWARD, "dweight[i] += d * xhat[i]", "dweight[i] = d * xhat[i]", "add to dweight[i]"
)
kernel_mutant(*BACKWARD, "dweight[i] += d * xhat[i];", "dweight[i] += d * x[begin + j];", "dweight")
kernel_mutant(
    *BACKWARD, "sum_gx += g[i] * xhat[i];", "sum_gx += d * xhat[i];", "Look in the sums: g is"
)
kernel_mutant(*BACKWARD, "- xhat[i] * sum_gx)", ")", "Look in dx: r times all three")
kernel_mutant(*BACKWARD, "= r * (g[i]", "= (g[i]", "dx[0, 0] is 0.0304, want 0.01017")
kernel_mutant(
    *BACKWARD, "            dx[begin + j] = RESIDUAL ? value + dresidual[begin + j] : value;\n",
    "// YOUR CODE HERE\n", "right so far (the sums). Still to write: dx",
)  # fmt: skip
kernel_mutant(
    *BACKWARD, "= RESIDUAL ? value + dresidual[begin + j] : value", "= value", "RESIDUAL 1"
)
kernel_mutant(
    *BACKWARD, "dbias[i] += d;", "dbias[i] += d;\n            atomicAdd(&parts[0], 0.0f);", "race"
)
kernel_mutant(
    *BACKWARD, "float d = j < c ? dy[begin + j] : 0.0f;", "float d = dy[begin + j];", "index"
)

# ---- 10.8 column_sum ----

COLUMNS = ("10.8 column_sum", "column_sum")
kernel_mutant(*COLUMNS, "if (column < c)\n", "", "index out of range")
kernel_mutant(*COLUMNS, "row += ROWS) sum", "row++) sum", "y[0, 0] is")
kernel_mutant(*COLUMNS, "row = begin + threadIdx.y", "row = begin", "y[0, 0] is")
kernel_mutant(*COLUMNS, "row < end", "row < n", "y[0, 0] is")
kernel_mutant(*COLUMNS, "= sum;\n    __syncthreads();", "= sum;", "race in shared memory")
kernel_mutant(*COLUMNS, "int i = 1; i < ROWS", "int i = 0; i < ROWS", "y[0, 0] is")
kernel_mutant(*COLUMNS, "sums[threadIdx.y][threadIdx.x] = sum;", "", "read before it was written")
kernel_mutant(*COLUMNS, "int i = 1; i < ROWS", "int i = 1; i < 8", "ROWS 4")
kernel_mutant(
    *COLUMNS, "sums[threadIdx.y][threadIdx.x] = sum;\n    __syncthreads();\n"
    "    if (threadIdx.y > 0 || column >= c) return;\n"
    "    for (int i = 1; i < ROWS; i++) sum += sums[i][threadIdx.x];",
    "if (threadIdx.y == 0) sums[0][threadIdx.x] = 0.0f;\n    __syncthreads();\n"
    "    atomicAdd(&sums[0][threadIdx.x], sum);\n    __syncthreads();\n"
    "    if (threadIdx.y > 0 || column >= c) return;\n    sum = sums[0][threadIdx.x];",
    "atomics, 0 would do",
)  # fmt: skip
kernel_mutant(  # one warp of ROWS works
    *COLUMNS, "row = begin + threadIdx.y; row < end; row += ROWS) sum",
    "row = begin + end * (threadIdx.y > 0); row < end; row++) sum",
    "2^24 + (1 + 1) is not",
)  # fmt: skip
