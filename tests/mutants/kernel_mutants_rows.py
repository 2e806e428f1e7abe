"""Wrong kernels of the operations on rows and on tokens."""

SUFFIX = ".cu"
BEYOND = "index out of range"
RACE = "race in shared memory"

MUTANTS = {
    "embedding_forward": [
        ("e >= n * c", "e > n * c", BEYOND),
        ("(i % t) * c", "(i / t) * c", "result 0: error"),
        ("e / c, j = e % c", "e % n, j = e / n", "result 0: error"),
        ("if (POSITIONS)", "", "no positions"),
    ],
    "embedding_backward": [
        ("i < n && ", "", BEYOND),
        ("< token) begin", "<= token) begin", "result 0: error"),
        ("dy[(size_t)order[i] * c + j]", "dy[(size_t)i * c + j]", "result 0: error"),
        ("ACCUMULATE ? dweight[at] + sum : sum", "sum", "on top of out: result 0"),
    ],
    "layernorm_forward": [
        ("row >= n", "row > n", BEYOND),
        # the variance of a sample, by n - 1
        ("warp_sum(squares) / c", "warp_sum(squares) / (c - 1)", "result 0: error"),
        ("< c ? v[i] - mu : 0.0f", "< c + 32 ? v[i] - mu : 0.0f", "result 2: error"),
        (
            "rsqrtf(warp_sum(squares) / c + eps)",
            "1.0f / (sqrtf(warp_sum(squares) / c) + eps)",
            "result 2",
        ),
        ("if (j < c) y[j]", "y[j]", BEYOND),
    ],
    "residual_layernorm_forward": [
        ("row >= n", "row > n", BEYOND),
        ("warp_sum(squares) / c", "warp_sum(squares) / (c - 1)", "result 1: error"),
        ("x[begin + j] + delta[begin + j]", "x[begin + j]", "result 0: error"),
        ("residual[begin + j] = v[i]", "residual[begin + j] = x[begin + j]", "result 0: error"),
    ],
    "layernorm_backward": [
        ("row < n;", "row <= n;", BEYOND),
        ("__syncthreads();\n        shared[warp]", "shared[warp]", RACE),
        ("dbias[i - PER_LANE];\n        __syncthreads();", "dbias[i - PER_LANE];", RACE),
        ("sum_g = warp_sum(sum_g) / c", "sum_g = warp_sum(sum_g)", "result 0: error"),
        ("- xhat[i] * sum_gx", "", "result 0: error"),
        ("d * xhat[i];", "g[i] * xhat[i];", "result 1: error"),
        ("RESIDUAL ? value + dresidual[begin + j] : value", "value", "residual_layernorm_backward"),
    ],
    "softmax_forward": [
        ("if (j >= c) continue;", "", BEYOND),
        ("j < c ? x[j] : LOWEST", "x[j]", BEYOND),
        ("+ BLOCK * (i / 4)", "+ i / 4", "four at a time"),
        ("j < c ? x[j] : LOWEST", "j < c ? x[j] : 0.0f", "result 0: error"),
        ("top = block_max(top, scratch);", "top = 0.0f;", "far out"),
        ("top = block_max(top, scratch);", "", "result 0: error"),
        ("block_sum(sum, scratch)", "warp_sum(sum)", "result 0: error"),
    ],
    "softmax_backward": [
        ("j < c; j += blockDim.x) sum", "j <= c; j += blockDim.x) sum", BEYOND),
        ("block_sum(sum, scratch)", "warp_sum(sum)", "result 0: error"),
        ("dy[begin + j] - sum", "dy[begin + j]", "result 0: error"),
    ],
    "count_kept": [
        ("i < n", "i <= n", BEYOND),
        ("!= ignore_index", "== ignore_index", "result 0: error"),
        ("i += blockDim.x", "i += n", "result 0: error"),
    ],
    "cross_entropy_forward": [
        ("j < v; j += blockDim.x) sum", "j <= v; j += blockDim.x) sum", BEYOND),
        ("logf(sum) + top", "logf(sum)", "result 0: error"),
        ("top = block_max(top, scratch);", "top = 0.0f;", "result 0: error"),
        ("target == ignore_index ? 0.0f : ", "", "result 0: error"),
        (") / count[0];", ");", "result 0: error"),
    ],
    "cross_entropy_with_gradient": [
        ("if (j >= c) continue;", "", BEYOND),
        (
            "z[i] * factor - (hit ? share : 0.0f)",
            "z[i] * factor",
            "result 1: error",
        ),
        ("kept ? share / sum : 0.0f", "share / sum", "result 1: error"),
        ("(logf(sum) - at_target)", "logf(sum)", "result 0: error"),
        ("top = block_max(top, scratch);", "top = 0.0f;", "far out"),
        ("j < c ? x[j] : LOWEST", "j < c ? x[j] : 0.0f", "result 0: error"),
    ],
}
