"""Wrong kernels of matrix products and attention."""

SUFFIX = ".cu"
BEYOND = "index out of range"
RACE = "race in shared memory"
LOADED = "k0, k_end);\n        __syncthreads();"  # the barrier between a tile's loads and its use

MUTANTS = {
    "matmul": [
        (LOADED, "k0, k_end);", RACE),
        ("row >= m || col >= n", "row >= m", BEYOND),
        ("row >= m || col >= n", "row > m || col >= n", BEYOND),
        ("min(k_begin + share, k)", "k", "matmul_tn: long"),
        ("ACCUMULATE ? c[at] + acc[i][j] : acc[i][j]", "acc[i][j]", "on top of out: result 0"),
        ("(size_t)row * n + col", "(size_t)row * m + col", "result 0: error"),
    ],
    "linear_forward": [
        (LOADED, "k0, k_end);", RACE),
        ("row < n && col < m", "row < n", BEYOND),
        ("bias[col]", "bias[0]", "result 0: error"),
        ("acc[i][j] + bias[col]", "acc[i][j]", "result 0: error"),
    ],
    "linear_gelu_forward": [
        (LOADED, "k0, k_end);", RACE),
        ("row >= n || col >= m", "row >= n", BEYOND),
        ("col] = value;", "col] = gelu(value);", "result 1: error"),
        ("= gelu(value)", "= value", "result 0: error"),
        ("acc[i][j] + bias[col]", "acc[i][j]", "result 0: error"),
    ],
    "attention_forward": [
        ("// keys\n        __syncthreads();", "", RACE),
        ("if (row >= t) continue;", "", BEYOND),
        ("> row ? 0.0f", ">= row ? 0.0f", "result 0: error"),
        ("acc[i][d] *= rescale;", "", "result 0: error"),
        ("total[i] * rescale +", "total[i] +", "result 0: error"),
        ("top[i] + logf(total[i])", "logf(total[i])", "result 1: error"),
        (
            "h * D, stride, k0, t, 1.0f);  // keys",
            "2 * h * D, stride, k0, t, 1.0f);  // keys",
            "result 1",
        ),
    ],
    "attention_backward_kv": [
        ("__syncthreads();\n        add_weighted_rows", "add_weighted_rows", RACE),
        ("if (row >= t) continue;", "", BEYOND),
        ("<= row;", "< row;", "result 0: error"),
        ("dp[i][j] - row_delta", "dp[i][j]", "result 0: error"),
        ("*ds = p + BQ * (BK + 1)", "*ds = p", "result 0: error"),
        ("q0 = k0 / BQ * BQ", "q0 = k0 / BQ * BQ + BQ", "result 0: error"),
        ("seen = row < t && ", "seen = ", "far below 0"),
    ],
    "attention_backward_q": [
        ("__syncthreads();\n        add_weighted_rows", "add_weighted_rows", RACE),
        ("k, dq);\n        __syncthreads();", "k, dq);", RACE),
        ("if (row >= t) continue;", "", BEYOND),
        ("<= q0 +", "< q0 +", "result 0: error"),
        ("(dp[i][j] - row_delta[i]) * scale", "(dp[i][j] - row_delta[i])", "result 0: error"),
        ("k0 < min(q0 + BQ, t)", "k0 < q0", "result 0: error"),
    ],
    "attention_delta": [
        ("row >= rows", "row > rows", BEYOND),
        ("i += 32) sum", "i += 64) sum", "result 0: error"),
        ("((size_t)batch * h + head) * t + time", "row", "result 0: error"),
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
