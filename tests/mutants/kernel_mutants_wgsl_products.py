"""Wrong WGSL kernels of matrix products and attention."""

SUFFIX = ".wgsl"
AFTER = "written after an array's last element"
BARRIER = "workgroupBarrier();"
LOADED = f"put(held_too, thread + TILE_THREADS); }}\n        {BARRIER}"
MULTIPLIED = f"k + 3, ty, tx);\n        }}\n        {BARRIER}"
ROWS_OUT = "select(0u, count, row < rows)"
TILE_RACES = [
    (LOADED, LOADED.replace(BARRIER, ""), "result"),
    (MULTIPLIED, MULTIPLIED.replace(BARRIER, ""), "result"),
]
SLICED = f"{BARRIER}\n        for (var i = 0u; i < SLICE"
PRODUCTS_DONE = f"tx]);\n        }}\n        {BARRIER}\n    }}\n    return s;"
ROWS_IN = f"{BARRIER}\n        for (var r = 0u; r < PASS"
WEIGHTED = f"tx]); }}\n        }}\n        {BARRIER}\n    }}\n    return sum;"
ATTENTION_RACES = [
    (SLICED, SLICED.replace(BARRIER, ""), "result"),
    (PRODUCTS_DONE, PRODUCTS_DONE.replace(BARRIER, ""), "result"),
    (ROWS_IN, ROWS_IN.replace(BARRIER, ""), "result"),
    (WEIGHTED, WEIGHTED.replace(BARRIER, ""), "result"),
]
STORED = "let count = select(0u, count4(d, D), row < p.t);\n    if (count > 0) { store"
UNGUARDED = [(STORED, STORED.replace("select(0u, count4(d, D), row < p.t)", "count4(d, D)"), "")]

MUTANTS = {
    "matmul": [
        *TILE_RACES,
        (ROWS_OUT, "count", AFTER),
        ("let count = count4(column, columns)", "let count = select(0u, 4u, column < columns)", "result 0: error"),
        ("transpose(lines_a(row * size.z + k, size.z, count4(k, k_end)", "transpose(lines_a(row * size.z + k, size.z, 4u", "result 0: error nan"),
        ("min(k_begin + share, p.k)", "p.k", "matmul_tn: long"),
        ("group.z * p.m * p.n", "0", "matmul_tn: long"),
        ("if (ACCUMULATE == 1) { c[at] += value; } else { c[at] = value; }", "c[at] = value;", "on top of out: result 0"),
        ("begin + row * columns + column", "begin + row * rows + column", "result 0: error"),
        ("lines_b(k * size.y + column, size.y", "lines_b(k * size.z + column, size.z", "result 0: error"),
        ("sum.s01, a0, part_b[k * COLUMNS4 + BN / 8 + tx]", "sum.s01, a0, part_b[k * COLUMNS4 + tx]", "many tiles"),
        ("store_square(acc.s11, row + BM / 2,", "store_square(acc.s11, row,", "many tiles"),
    ],
    "linear_forward": [
        *TILE_RACES,
        (ROWS_OUT, "count", AFTER),
        ("value + bias[column]", "value + bias[0]", "result 0: error"),
        ("value + bias[column]", "value", "result 0: error"),
        ("column * size.z + k, size.z", "column * size.y + k, size.y", "result 0: error"),
        ("column + BN / 2, rows, columns, begin); }\n    if (TM == 8) {", "column + BN / 4, rows, columns, begin); }\n    if (TM == 8) {", "many tiles"),
    ],
    "linear_gelu_forward": [
        *TILE_RACES,
        (ROWS_OUT, "count", AFTER),
        ("pre[at] = value + bias[column];", "", "result 1: error nan"),
        ("gelu(value + bias[column])", "value + bias[column]", "result 0: error"),
        ("gelu(value + bias[column])", "gelu(value)", "result 0: error"),
    ],
    "attention_forward": [
        *ATTENTION_RACES,
        *UNGUARDED,
        (f"meeting[thread] = value;\n    {BARRIER}\n    let first = thread / WIDE * WIDE;\n    var high", "meeting[thread] = value;\n    let first = thread / WIDE * WIDE;\n    var high", "result"),
        (f"{BARRIER}\n    meeting", "meeting", "result"),
        (f"meeting[thread] = value;\n    {BARRIER}\n    let first = thread / WIDE * WIDE;\n    var sum", "meeting[thread] = value;\n    let first = thread / WIDE * WIDE;\n    var sum", "result"),
        ("if (row + i < p.t) { lse", "{ lse", AFTER),
        ("vec4u(key) <= query + ", "vec4u(key) <= query + 1 + ", "result"),
        ("s[2] * p.scale, key + 2", "s[2] * p.scale, key + 1", "result"),
        ("let rescale = exp(top - high)", "let rescale = vec4f(1.0)", "result 0: error"),
        ("total * rescale +", "total +", "result 0: error"),
        ("scaled(acc, 1.0 / total)", "scaled(acc, vec4f(1.0))", "result 0: error"),
        ("top + log(total)", "log(total)", "result 1: error"),
        ("count > 3)", "count > 2)", "result"),
    ],
    "attention_backward_kv": [
        *ATTENTION_RACES,
        *UNGUARDED,
        ("<= vec4u(query);", "< vec4u(query);", "result 0: error"),
        ("(ds[0] - delta_of(query, group.y))", "ds[0]", "result 0: error"),
        ("(ds[3] - delta_of(query + 3, group.y)) * p.scale", "(ds[3] - delta_of(query + 3, group.y))", "result 0: error"),
        ("q0 = k0 / COLUMNS * COLUMNS;", "q0 = k0 / COLUMNS * COLUMNS + COLUMNS;", "result 0: error"),
        ("seen & vec4<bool>(query < p.t)", "seen", "far below 0"),
    ],
    "attention_backward_q": [
        *ATTENTION_RACES,
        *UNGUARDED,
        ("vec4u(key) <= query + ", "vec4u(key) <= query + 1 + ", "result 0: error"),
        ("(ds[1] - row_delta)", "ds[1]", "result 0: error"),
        ("(ds[2] - row_delta) * p.scale", "(ds[2] - row_delta)", "result 0: error"),
        ("k0 < min(q0 + ROWS, p.t)", "k0 < q0", "result 0: error"),
        ("dq = add_weighted(dq, keys", "dq = add_weighted(dq, queries", "result 0: error"),
    ],
    "attention_delta": [
        ("lane == 0 && row < p.rows", "lane == 0", AFTER),
        ("i += 8)", "i += 16)", "result 0: error"),
        ("delta[(batch * p.h + head) * p.t + time]", "delta[row]", "result 0: error"),
        ("sum_of(8, sum, thread)", "sum_of(16, sum, thread)", "result 0: error"),
    ],
    "attention_cached": [
        ("+ time + 1;", "+ time;", "result 0: error"),
        ("sum * p.scale", "sum", "result 0: error"),
        ("sum / total", "sum", "result 0: error"),
        ("p.batches * p.h * p.context * p.d", "p.h * p.context * p.d", "result 0: error"),
        ("total = block_sum(total, thread);", "", "result 0: error"),
        ("i < p.d; i += BLOCK", "i <= p.d; i += BLOCK", ""),
    ],
    "cache_write": [
        ("i >= p.n", "i > p.n", "result"),
        ("+ 1 + which", "+ which", "result 0: error"),
        ("* p.context + row", "* p.context + time", "result 0: error"),
        ("/ p.h / 2 % p.t", "/ p.h % p.t", "result"),
    ],
}
