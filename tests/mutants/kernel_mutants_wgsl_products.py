"""Wrong WGSL kernels of matrix products and attention.

Not here, for they are right: without the first barrier of rows_sum (add_weighted, which comes
before, ends with one).
"""

SUFFIX = ".wgsl"
RESULT = "result 0: error"
AFTER = "written after an array's last element"
BARRIER = "workgroupBarrier();"
OUT = "select(0u, count, row < rows)"  # of a tile's first line
FORWARD = "attention_forward (2, 33, 1, 31): result 0"
SCALED = "attention_forward (2, 64, 3, 32): result 0"  # two tiles of keys
BACKWARD = "attention_backward (2, 65, 3, 32): "
STORED = "row < p.t);\n    if (count > 0) { store"


def without_barrier(before: str, after: str, says: str = "result 0: error") -> tuple[str, str, str]:
    """The mutant that has no barrier between the two texts."""
    return before + BARRIER + after, before + after, says


LOADED = ("put(held_too, thread + TILE_THREADS); }\n        ", "")
MULTIPLIED = ("k + 3, ty, tx);\n        }\n        ", "")
SLICED = ("", "\n        for (var i = 0u; i < SLICE")
FETCHED = ("", "\n        for (var r = 0u; r < PASS")
PRODUCTS_END = ("tx]);\n        }\n        ", "\n    }\n    return s;")
WEIGHTED_END = ("tx]); }\n        }\n        ", "\n    }\n    return sum;")
HIGH_MEETS = ("", "\n    let first = thread / WIDE * WIDE;\n    var high")
SUM_MEETS = ("", "\n    let first = thread / WIDE * WIDE;\n    var sum")

MUTANTS = {
    "matmul": [
        without_barrier(*LOADED, "matmul (1, 1, 1): result 0"),
        without_barrier(*MULTIPLIED, "matmul (2, 31, 33): result 0"),
        (OUT, "count", AFTER),
        ("= count4(column, columns)", "= select(0u, 4u, column < columns)", AFTER),
        ("min(k_begin + share, p.k)", "p.k", "matmul_tn: long"),
        ("group.z * p.m * p.n", "0", "matmul_tn: long"),
        (
            "if (ACCUMULATE == 1) { c[at] += value; } else",
            "",
            "matmul_tn (36, 68, 132) on top of out: result 0",
        ),
        (
            "lines_b(k * size.y + column, size.y",
            "lines_b(k * size.z + column, size.z",
            "matmul (2, 31, 33): result 0",
        ),
        (
            "a0, part_b[k * COLUMNS4 + BN / 8 + tx]",
            "a0, part_b[k * COLUMNS4 + tx]",
            "matmul: many tiles",
        ),
    ],
    "linear_forward": [
        without_barrier(*LOADED, "linear_forward (1, 1, 1): result 0"),
        (OUT, "count", AFTER),
        ("value + bias[column]", "value + bias[0]", "result 0: error"),
        ("column * size.z + k, size.z", "column * size.y + k, size.y", "result 0: error"),
    ],
    "linear_gelu_forward": [
        without_barrier(*MULTIPLIED, "linear_forward: gelu (2, 31, 33): result 0"),
        (OUT, "count", AFTER),
        ("pre[at] = value + bias[column];", "", "result 1: error nan"),
        ("gelu(value + bias[column])", "value + bias[column]", "result 0: error"),
    ],
    "attention_forward": [
        without_barrier(*SLICED, FORWARD),
        without_barrier(*FETCHED, "attention_forward (2, 1, 3, 64): result 0"),
        without_barrier(*PRODUCTS_END, FORWARD),
        without_barrier(*WEIGHTED_END, FORWARD),
        without_barrier(*HIGH_MEETS, "one key wins (2, 1, 3, 32): result 0"),
        without_barrier(*SUM_MEETS, FORWARD),
        ("if (row + i < p.t) { lse", "{ lse", AFTER),
        ("vec4u(key) <= query + ", "vec4u(key) <= query + 1 + ", FORWARD),
        ("total * rescale +", "total +", SCALED),
        ("top + log(total)", "log(total)", "result 1: error"),
    ],
    "attention_backward_kv": [
        without_barrier(*PRODUCTS_END, BACKWARD + RESULT),
        ("dv = add_weighted(dv, douts", "dv = add_weighted(dv, queries", BACKWARD + RESULT),
        ("<= vec4u(query);", "< vec4u(query);", BACKWARD + RESULT),
        ("(ds[0] - delta_of(query, group.x))", "ds[0]", BACKWARD + RESULT),
        (
            "q0 = k0 / COLUMNS * COLUMNS;",
            "q0 = k0 / COLUMNS * COLUMNS + COLUMNS;",
            BACKWARD + RESULT,
        ),
        (
            "seen & vec4<bool>(query < p.t)",
            "seen",
            "attention_backward: scores far below 0 (1, 65, 2, 64): result 0",
        ),
    ],
    "attention_backward_q": [
        without_barrier(*WEIGHTED_END, BACKWARD + RESULT),
        (STORED, STORED.replace("row < p.t", "true"), BACKWARD + AFTER),
        ("vec4u(key) <= query + ", "vec4u(key) <= query + 1 + ", BACKWARD + RESULT),
        ("(ds[2] - row_delta) * p.scale", "(ds[2] - row_delta)", BACKWARD + RESULT),
        ("k0 < min(q0 + ROWS, p.t)", "k0 < q0", BACKWARD + RESULT),
    ],
    "attention_delta": [
        ("lane == 0 && row < p.rows", "lane == 0", BACKWARD + AFTER),
        ("i += 8)", "i += 16)", BACKWARD + RESULT),
        (
            "delta[(batch * p.h + head) * p.t + time]",
            "delta[row]",
            BACKWARD + RESULT,
        ),
        ("sum_of(8, sum, thread)", "sum_of(16, sum, thread)", BACKWARD + RESULT),
    ],
    "attention_cached": [
        ("i < p.d; i += BLOCK", "i <= p.d; i += BLOCK", AFTER),
        ("+ time + 1;", "+ time;", "result 0: error"),
        ("sum * p.scale", "sum", "result 0: error"),
        ("sum / total", "sum", "result 0: error"),
        ("p.batches * p.h * p.context * p.d", "p.h * p.context * p.d", "result 0: error"),
        ("total = block_sum(total, thread);", "", "result 0: error"),
    ],
    "cache_write": [
        ("i >= p.n", "i + 1 >= p.n", "result"),
        ("+ 1 + which", "+ which", "result 0: error"),
        ("* p.context + row", "* p.context + time", "result 0: error"),
        ("/ p.h / 2 % p.t", "/ p.h % p.t", "result 0: error"),
    ],
}
