"""Wrong WGSL kernels of the operations on single elements, of sums, and of what goes between steps."""

from kernel_mutants_wgsl_rows import RACES_OF_SUM

SUFFIX = ".wgsl"
AFTER = "written after an array's last element"

MUTANTS = {
    "add": [
        ("if (i >= p.n) { return; }", "", AFTER),
        ("i >= p.n", "i > p.n", AFTER),
        ("* BLOCK + thread", "* 64 + thread", "result 0: error nan"),
        ("a[i] + b[i]", "a[i] - b[i]", "result 0: error"),
        ("a[i] + b[i]", "a[i] + b[0]", "result 0: error"),
    ],
    "scale": [
        ("i >= p.n", "i > p.n", AFTER),
        ("x[i] * factor[0]", "x[i] * factor[i]", "result 0: error nan"),
        ("x[i] * factor[0]", "x[i] + factor[0]", "result 0: error"),
    ],
    "fill": [
        ("i >= p.n", "i > p.n", AFTER),
        ("i >= p.n", "i + 1 >= p.n", "result 1: error"),
        ("y[i] = p.value", "y[i] = 0.0", "result 1: error"),
    ],
    "copy": [
        ("i >= p.n", "i > p.n", AFTER),
        ("i >= p.n", "i + 1 >= p.n", "result 0: error nan"),
        ("= x[i]", "= x[0]", "result 0: error"),
    ],
    "gelu_forward": [
        ("i >= p.n", "i > p.n", AFTER),
        ("gelu(x[i])", "x[i] / (1.0 + exp(-1.702 * x[i]))", "result 0: error"),
        ("gelu(x[i])", "max(x[i], 0.0)", "result 0: error"),
    ],
    "gelu_backward": [
        ("i >= p.n", "i > p.n", AFTER),
        ("3.0 * GELU_CUBE", "GELU_CUBE", "result 0: error"),
        ("(e * s)", "s", "result 0: error"),
        ("dy[i] *", "", "result 0: error"),
        # not clamped: exp overflows
        ("gelu_inner(v)", "GELU_SCALE * (v + GELU_CUBE * v * v * v)", "far out"),
    ],
    "dropout": [
        ("first + j < p.n", "first + j <= p.n", AFTER),
        (">= p.threshold", "< p.threshold", "result 0: error"),
        ("/ p.kept", "* p.kept", "result 0: error"),
        ("vec4u(16)", "vec4u(8)", "result 0: error"),
        ("p.layer, u32(state[DROPOUT])", "u32(state[DROPOUT]), p.layer", "result 0: error"),
        ("let first = 4 * i;", "let first = i;", "result 0: error"),
    ],
    "column_sum": [
        ("|| column >= p.c", "", AFTER),
        ("= sum;\n    workgroupBarrier();", "= sum;", "result 0: error"),
        ("row += ROWS", "row += ROWS + 1", "result 0: error"),
        ("i = 1u; i < ROWS", "i = 1u; i < ROWS - 1", "result 0: error"),
        ("thread + 32 * i", "thread + ROWS * i", "result 0: error"),
        ("row * p.c + column", "column * p.n + row", "result 0: error"),
        ("min(begin + p.rows_of_part, p.n)", "begin + p.rows_of_part", "result 0: error nan"),
        (
            "if (ACCUMULATE == 1) { sum += y[at]; }",
            "",
            "column_sum (97, 33) on top of out: result 0",
        ),
        ("if (ACCUMULATE == 1) { sum += y[at]; }", "sum += y[at];", "result 0: error nan"),
        ("part * p.c + column", "column", "result 0: error"),
    ],
    "squared_norm": [
        ("i < p.n", "i <= p.n", "result 0: error nan"),
        ("i += groups.x * BLOCK", "i += BLOCK", "result 0: error"),
        ("i += groups.x * BLOCK", "i += p.n", "result 0: error"),
        ("block_sum(sum, thread)", "row_sum(sum, thread)", "result 0: error"),
        *RACES_OF_SUM,
    ],
    "count_nonfinite": [
        ("i < p.n", "i <= p.n", "result 0: error"),
        ("(bitcast<u32>(x[i]) & 0x7f800000u) == 0x7f800000u", "x[i] != x[i]", "result 0: error"),
        ("u) == 0x7f800000u", "u) > 0x7f800000u", "result 0: error"),
        ("block_sum(count, thread)", "row_sum(count, thread)", "result 0: error"),
        ("parts[group.x] = count", "parts[0] = count", "result 0: error nan"),
        *RACES_OF_SUM,
    ],
    "clip_coefficient": [
        ("let norm = sqrt(norm2[0])", "let norm = norm2[0]", "result 1: error"),
        ("min(1.0,", "max(1.0,", "result 1: error"),
        ("p.max_norm / (norm +", "norm / (p.max_norm +", "result 1: error"),
        (">= 0x7f800000u", "> 0x7f800000u", "infinite"),
        ("state[HALTED] = 1.0;", "", "infinite"),
    ],
    "adamw": [
        ("i < p.n;", "i <= p.n;", AFTER),
        ("if (state[HALTED] != 0.0) { return; }", "", "adamw: halted"),
        ("groups.x * groups.z * BLOCK", "groups.x * BLOCK", "result 1: error"),
        # the decay inside the moments: Adam with an L2 penalty
        (
            "grads[i] * state[CLIP]",
            "grads[i] * state[CLIP] + p.weight_decay * params[i]",
            "result 1",
        ),
        ("BIAS_CORRECTION2]) + p.eps", "BIAS_CORRECTION2] + p.eps)", "adamw: small gradients"),
        ("if (i < p.n_decay)", "", "result 1: error"),
        ("(g * g - v[i])", "(g - v[i])", "result 1: error"),
    ],
    "sgd": [
        ("i >= p.n ||", "i > p.n ||", AFTER),
        ("|| state[HALTED] != 0.0", "", "sgd: halted"),
        ("p.momentum * m[i] + g", "m[i] + g", "result 1: error"),
        ("i < p.n_decay", "i <= p.n_decay", "result 1: error"),
        (" * state[CLIP];", ";", "result 1: error"),
    ],
    "advance": [
        ("row * SCHEDULED", "row", "result 1: error"),
        ("i < SCHEDULED", "i <= SCHEDULED", "result 1: error"),
        ("f32(row + 1)", "f32(row)", "result 1: error"),
    ],
    "take_row": [
        ("i >= p.n", "i > p.n", AFTER),
        ("u32(state[BATCH]) * p.n", "u32(state[BATCH])", "result 0: error"),
        ("u32(state[BATCH])", "u32(state[DROPOUT])", "result 0: error"),
    ],
    "count_batch": [
        ("state[BATCH] += 1.0", "state[BATCH] += 2.0", "result 2: error"),
        ("state[BATCH] += 1.0", "state[STEP] += 1.0", "result 2: error"),
        ("state[DROPOUT] += 1.0;", "", "result 2: error"),
    ],
    "record": [
        ("u32(state[p.slot]) - 1", "u32(state[p.slot])", "result 1: error"),
        ("u32(state[p.slot])", "p.slot", "after an array's last"),
        ("value[0];\n}", "table[0];\n}", "result 1: error"),
    ],
}
