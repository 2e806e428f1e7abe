"""Wrong kernels of matrix products and attention."""

SUFFIX = ".cu"
BEYOND = "index out of range"
RACE = "race in shared memory"
LOADED = "part_b.put(tile.b[0]);"  # the first tile is in shared memory once a barrier is behind
NEXT = "part_b.put(tile.b[half ^ 1]);"
BARRIER = "\n    __syncthreads();"
USED = "__syncthreads();\n        float s["  # between a tile's loads and its use

MUTANTS = {
    "matmul": [
        (LOADED + BARRIER, LOADED, RACE),
        (NEXT + "\n        __syncthreads();", NEXT, RACE),
        ("part_a.put(tile.a[half ^ 1]", "part_a.put(tile.a[half]", RACE),
        ("row < m ? count4(col, n) : 0", "count4(col, n)", BEYOND),
        ("row < m ? count4(col, n) : 0", "row < m && col < n ? 4 : 0", BEYOND),
        ("min(k_begin + share, k)", "k", "matmul_tn: long"),
        ("ACCUMULATE ? add4(acc[i] + j, to, count) : v", "v", "on top of out: result 0"),
        ("(size_t)row * n + col", "(size_t)row * m + col", "result 0: error"),
    ],
    "linear_forward": [
        (LOADED + BARRIER, LOADED, RACE),
        ("row < n ? count4(col, m) : 0", "count4(col, m)", BEYOND),
        ("bias + col, count", "bias, count", "result 0: error"),
        ("add4(acc[i] + j, bias + col, count)", "*(float4*)(acc[i] + j)", "result 0: error"),
    ],
    "linear_gelu_forward": [
        (LOADED + BARRIER, LOADED, RACE),
        ("row < n ? count4(col, m) : 0", "count4(col, m)", BEYOND),
        ("write4(pre + at, v, count);", "", "result 1: error nan"),
        ("gelu(v.y)", "v.y", "result 0: error"),
        ("bias + col, count", "bias, count", "result 0: error"),
    ],
    "attention_forward": [
        (USED, "float s[", RACE),
        ("__syncwarp();", "", RACE),
        ("if (row >= t) continue;", "", BEYOND),
        ("mask(s, q0, k0);", "mask(s, q0 + 1, k0);", "result"),
        ("float rescale = exp2f(top[i] - high)", "float rescale = 1.0f", "result 0: error"),
        ("total[i] * rescale +", "total[i] +", "result 0: error"),
        (", 1.0f / total[i]", ", 1.0f", "result 0: error"),
        ("(top[i] + log2f(total[i]))", "log2f(total[i])", "result 1: error"),
    ],
    "attention_backward_kv": [
        (USED, "float s[", RACE),
        ("__syncwarp();\n        add_weighted_rows", "add_weighted_rows", RACE),
        ("if (row >= t) continue;", "", BEYOND),
        ("> row)) s[i][j]", ">= row)) s[i][j]", "result 0: error"),
        ("s[i][j] - row_delta", "s[i][j]", "result 0: error"),
        ("q0 = k0 / COLUMNS * COLUMNS", "q0 = k0 / COLUMNS * COLUMNS + COLUMNS", "result 0: error"),
        ("(row >= t || k0", "(k0", "far below 0"),
        ("|| q0 + COLUMNS > t;", ";", "far below 0"),
    ],
    "attention_backward_q": [
        (USED, "float s[", RACE),
        ("k, dq);\n        __syncthreads();", "k, dq);", RACE),
        ("if (row < t) write_row", "write_row", BEYOND),
        ("mask(s, q0, k0);", "mask(s, q0 + 1, k0);", "result 0: error"),
        ("ds[i][j] - row_delta[i]", "ds[i][j]", "result 0: error"),
        (", dq[i], scale", ", dq[i], 1.0f", "result 0: error"),
        ("k0 < min(q0 + ROWS, t)", "k0 < q0", "result 0: error"),
    ],
    "attention_delta": [
        ("row >= rows", "row > rows", BEYOND),
        ("i += 8) sum", "i += 16) sum", "result 0: error"),
        ("i += 32) {", "i += 64) {", "result 0: error"),
        ("((size_t)batch * h + head) * t + time", "row", "result 0: error"),
        ("warp_sum<8>", "warp_sum<16>", "result 0: error"),
    ],
    "attention_cached": [
        ("__syncthreads();\n    float top", "float top", RACE),
        ("+ time + 1;", "+ time;", "result 0: error"),
        ("warp_sum(sum) * scale", "warp_sum(sum)", "result 0: error"),
        ("sum / total", "sum", "result 0: error"),
        ("batches * h * context * d", "h * context * d", "result 0: error"),
    ],
    "cache_write": [
        ("e >= n", "e > n", BEYOND),
        ("+ 1 + which", "+ which", "result 0: error"),
        ("* context + position", "* context + time", "result 0: error"),
        ("time = e / d / h / 2 % t", "time = e / d / h % t", "race in global memory"),
    ],
}
