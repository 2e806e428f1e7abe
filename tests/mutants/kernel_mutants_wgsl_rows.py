"""Wrong WGSL kernels of the operations on rows and on tokens."""

SUFFIX = ".wgsl"
AFTER = "written after an array's last element"
BARRIER = "    workgroupBarrier();\n"
ADDS = "scratch[thread + reach]; }\n        workgroupBarrier();"
COMPARES = "scratch[thread + reach]); }\n        workgroupBarrier();"


def written(reach: str) -> str:
    """The lines of reduce.wgsl up to its loop over halves that begin with `reach`."""
    return f"scratch[thread] = value;\n{BARRIER}    for (var reach = {reach}"


# Barriers left out of what reduce.wgsl does; the first of a kernel that reduces once has nothing to
# wait for, so only these are wrong.
RACES_OF_SUM = [
    (written("width"), written("width").replace(BARRIER, ""), "result"),
    (ADDS, ADDS.split("\n")[0], "result"),
]
RACES_OF_MAX = [
    (written("BLOCK"), written("BLOCK").replace(BARRIER, ""), "result"),
    (COMPARES, COMPARES.split("\n")[0], "result"),
]
RACE_OF_TWO = ("workgroupBarrier();  // scratch may", "// scratch may", "result")

MUTANTS = {
    "embedding_forward": [
        ("i >= p.n * p.c", "i > p.n * p.c", AFTER),
        ("(row % p.t) * p.c", "(row / p.t) * p.c", "result 0: error"),
        (
            "row = i / p.c;\n    let j = i % p.c",
            "row = i % p.n;\n    let j = i / p.n",
            "result 0: error",
        ),
        ("if (POSITIONS == 1)", "", "no positions"),
    ],
    "embedding_backward": [
        ("if (token * p.c >= arrayLength(&dweight)) { return; }", "", AFTER),
        ("< token) { begin", "<= token) { begin", "result 0: error"),
        ("dy[row * p.c + j]", "dy[i * p.c + j]", "result 0: error"),
        ("if (ACCUMULATE == 1) { sum += dweight[at]; }", "", "on top of out: result 0"),
        ("u32(idx[order[middle]])", "u32(idx[middle])", "result 0: error"),
    ],
    "layernorm_forward": [
        ("select(0u, p.c, row < p.n)", "p.c", AFTER),
        ("lane == 0 && row < p.n", "lane == 0", AFTER),
        # the variance of a sample, by n - 1
        (
            "row_sum(squares, thread) / f32(p.c)",
            "row_sum(squares, thread) / f32(p.c - 1)",
            "result 0: error",
        ),
        (
            "(row_sum(squares, thread) / f32(p.c) + p.eps)",
            "(row_sum(squares, thread) / f32(p.c))",
            "result",
        ),
        (
            "inverseSqrt(row_sum(squares, thread) / f32(p.c) + p.eps)",
            "1.0 / (sqrt(row_sum(squares, thread) / f32(p.c)) + p.eps)",
            "result 2",
        ),
        ("* r * weight[j] + bias[j]", "* r * weight[lane] + bias[lane]", "result 0: error"),
        RACE_OF_TWO,
        *RACES_OF_SUM,
    ],
    "residual_layernorm_forward": [
        ("if (row < p.n) {\n", "{\n", AFTER),
        (
            "row_sum(squares, thread) / f32(p.c)",
            "row_sum(squares, thread) / f32(p.c - 1)",
            "result 1: error",
        ),
        ("x[row * p.c + j] + delta[row * p.c + j]", "x[row * p.c + j]", "result 0: error"),
        ("j = thread % 32; j < p.c", "j = thread; j < p.c", "result 0: error"),
        RACE_OF_TWO,
        *RACES_OF_SUM,
    ],
    "layernorm_backward": [
        ("select(0u, p.c, row < p.n)", "p.c", AFTER),
        ("min(first + WARPS, p.n)", "first + WARPS", "result 1: error"),
        ("row_sum(sum_g, thread) / f32(p.c)", "row_sum(sum_g, thread)", "result 0: error"),
        ("- xhat(row, j) * sum_gx", "", "result 0: error"),
        (
            "dweight += d * xhat(row, j)",
            "dweight += d * weight[j] * xhat(row, j)",
            "result 1: error",
        ),
        (
            "if (RESIDUAL == 1) { value += dresidual[begin + j]; }",
            "",
            "residual_layernorm_backward",
        ),
        ("(group.x * 2 + 1) * p.c + j", "group.x * 2 * p.c + 1 + j", "result"),
        RACE_OF_TWO,
        *RACES_OF_SUM,
    ],
    "softmax_forward": [
        ("if (begin >= arrayLength(&y)) { return; }", "", AFTER),
        ("j < p.c; j += BLOCK) { sum", "j <= p.c; j += BLOCK) { sum", "result 0: error"),
        ("top = block_max(top, thread);", "top = 0.0;", "far out"),
        ("top = block_max(top, thread);", "", "result 0: error"),
        ("block_sum(sum, thread)", "row_sum(sum, thread)", "result 0: error"),
        RACE_OF_TWO,
        *RACES_OF_SUM,
        *RACES_OF_MAX,
    ],
    "softmax_backward": [
        ("if (begin >= arrayLength(&dx)) { return; }", "", AFTER),
        ("j < p.c; j += BLOCK) { sum", "j <= p.c; j += BLOCK) { sum", "result 0: error"),
        ("block_sum(sum, thread)", "row_sum(sum, thread)", "result 0: error"),
        ("dy[begin + j] - sum", "dy[begin + j]", "result 0: error"),
        *RACES_OF_SUM,
    ],
    "count_kept": [
        ("i < p.n", "i <= p.n", "result 0: error"),
        ("!= p.ignore_index", "== p.ignore_index", "result 0: error"),
        ("i += BLOCK", "i += p.n", "result 0: error"),
        *RACES_OF_SUM,
    ],
    "cross_entropy_forward": [
        ("if (row >= arrayLength(&targets)) { return; }", "", AFTER),
        ("j < p.v; j += BLOCK) { sum", "j <= p.v; j += BLOCK) { sum", "result 0: error"),
        ("log(sum) + top", "log(sum)", "result 0: error"),
        ("top = block_max(top, thread);", "top = 0.0;", "result 0: error"),
        ("if (target_token != p.ignore_index) {\n", "{\n", "result 0: error"),
        (") / count[0];", ");", "result 0: error"),
        RACE_OF_TWO,
        *RACES_OF_SUM,
        *RACES_OF_MAX,
    ],
    "cross_entropy_with_gradient": [
        ("if (row >= arrayLength(&targets)) { return; }", "", AFTER),
        ("j < p.v; j += BLOCK) {  // a", "j <= p.v; j += BLOCK) {  // a", AFTER),
        ("- select(0.0, share, hit)", "", "result 1: error"),
        ("select(0.0, share / sum, kept)", "share / sum", "result 1: error"),
        ("(log(sum) - at_target)", "log(sum)", "result 0: error"),
        ("if (!kept && thread == 0) { losses[row] = 0.0; }", "", "result 0: error nan"),
        (
            "top = block_max(top, thread);",
            "top = 0.0;",
            "cross_entropy_with_gradient: far out (1, 97): result 0",
        ),
        RACE_OF_TWO,
        *RACES_OF_SUM,
        *RACES_OF_MAX,
    ],
}
