"""Wrong kernels of the operations on single elements, of sums, and of what goes between steps."""

SUFFIX = ".cu"
BEYOND = "index out of range"
RACE = "race in shared memory"

MUTANTS = {
    "add": [
        ("i >= n", "i > n", BEYOND),
        ("a[i] + b[i]", "a[i] - b[i]", "result 0: error"),
        ("a[i] + b[i]", "a[i] + b[0]", "result 0: error"),
    ],
    "scale": [
        ("i >= n", "i > n", BEYOND),
        ("x[i] * factor[0]", "x[i] * factor[i]", BEYOND),
        ("x[i] * factor[0]", "x[i] + factor[0]", "result 0: error"),
    ],
    "fill": [
        ("i >= n", "i > n", BEYOND),
        ("i >= n", "i + 1 >= n", "result 1: error"),
        ("y[i] = value", "y[i] = 0.0f", "result 1: error"),
    ],
    "copy": [
        ("i >= n", "i > n", BEYOND),
        ("i >= n", "i + 1 >= n", "result 0: error nan"),
        ("= x[i]", "= x[0]", "result 0: error"),
    ],
    "gelu_forward": [
        ("i >= n", "i > n", BEYOND),
        ("gelu(x[i])", "0.5f * x[i] * (1.0f + erff(x[i] * 0.70710678f))", "result 0: error"),
        ("gelu(x[i])", "fmaxf(x[i], 0.0f)", "result 0: error"),
    ],
    "gelu_backward": [
        ("i >= n", "i > n", BEYOND),
        ("3.0f * GELU_CUBE", "GELU_CUBE", "result 0: error"),
        ("(e * s)", "s", "result 0: error"),
        ("dy[i] *", "", "result 0: error"),
    ],
    "dropout": [
        ("i + j < n", "i + j <= n", BEYOND),
        (">= threshold", "< threshold", "result 0: error"),
        ("/ kept", "* kept", "result 0: error"),
        ("w[j] >> 16", "w[j] >> 8", "result 0: error"),
        ("layer, (unsigned)state[DROPOUT]", "(unsigned)state[DROPOUT], layer", "result 0: error"),
    ],
    "column_sum": [
        ("if (column < c)\n", "", BEYOND),
        ("= sum;\n    __syncthreads();", "= sum;", RACE),
        ("row += ROWS", "row += ROWS + 1", "result 0: error"),
        ("i = 1; i < ROWS", "i = 1; i < ROWS - 1", "result 0: error"),
        ("ACCUMULATE ? y[at] + sum : sum", "sum", "on top of out: result"),
        ("ACCUMULATE ? y[at] + sum : sum", "y[at] + sum", "result 0: error nan"),
    ],
    "squared_norm": [
        ("i < quads", "i <= quads", BEYOND),
        ("i += threads", "i += BLOCK", "result 0: error"),
        ("+ first < n) sum", "+ first <= n) sum", BEYOND),
        ("v.w * v.w", "v.w", "result 0: error"),
        ("block_sum(sum, scratch)", "warp_sum(sum)", "result 0: error"),
    ],
    "count_nonfinite": [
        ("i < n", "i <= n", BEYOND),
        ("(__float_as_uint(x[i]) & 0x7f800000u) == 0x7f800000u", "x[i] != x[i]", "result 0: error"),
        ("== 0x7f800000u", "> 0x7f800000u", "result 0: error"),
        ("block_sum(count, scratch)", "warp_sum(count)", "result 0: error"),
    ],
    "clip_coefficient": [
        ("sqrtf(norm2[0])", "norm2[0]", "result 1: error"),
        ("fminf", "fmaxf", "result 1: error"),
        ("1.0f, max_norm / (norm", "1.0f, norm / (max_norm", "result 1: error"),
        ("state[HALTED] = 1.0f;", ";", "infinite"),
    ],
    "adamw": [
        ("i < quads", "i <= quads", BEYOND),
        ("if (i < n) update", "update", BEYOND),
        ("    if (state[HALTED] != 0.0f) return;\n", "", "adamw: halted"),
        # the decay inside the moments: Adam with an L2 penalty
        ("grad * state[CLIP]", "grad * state[CLIP] + weight_decay * p", "result 1"),
        ("/ correction2) + eps", "/ correction2 + eps)", "adamw: small gradients"),
        ("if (i < n_decay)", "", "result 1: error"),
        ("(g * g - vi)", "(g - vi)", "result 1: error"),
        ("update(4 * i + 3,", "update(4 * i,", "result 1: error"),
    ],
    "sgd": [
        ("i >= n", "i > n", BEYOND),
        ("|| state[HALTED] != 0.0f", "", "sgd: halted"),
        ("momentum * m[i] + g", "m[i] + g", "result 1: error"),
        ("i < n_decay", "i <= n_decay", "result 1: error"),
        (" * state[CLIP];", ";", "result 1: error"),
    ],
    "advance": [
        ("row * SCHEDULED", "row", "result 1: error"),
        ("i < SCHEDULED", "i <= SCHEDULED", "result 1: error"),
        ("= row + 1", "= row", "result 1: error"),
    ],
    "take_row": [
        ("i >= n", "i > n", BEYOND),
        ("state[BATCH] * n", "state[BATCH]", "result 0: error"),
        ("(size_t)state[BATCH]", "(size_t)state[DROPOUT]", BEYOND),
    ],
    "count_batch": [
        ("state[BATCH] += 1.0f", "state[BATCH] += 2.0f", "result 2: error"),
        ("state[BATCH] += 1.0f", "state[STEP] += 1.0f", "result 2: error"),
        ("state[DROPOUT] += 1.0f;", "", "result 2: error"),
    ],
    "record": [
        ("(unsigned)state[slot] - 1", "(unsigned)state[slot]", "result 1: error"),
        ("(unsigned)state[slot]", "slot", BEYOND),
        ("value[0];\n}", "table[0];\n}", "result 1: error"),
    ],
}
