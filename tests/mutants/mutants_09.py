"""Wrong kernels of chapter 09."""

from zoo import kernel_mutant

# ---- 9.1 matmul_naive ----

NAIVE = ("9.1 matmul_naive", "matmul_naive")
kernel_mutant(*NAIVE, "if (row >= m || col >= n) return;\n", "\n", "index out of range")
kernel_mutant(*NAIVE, "row >= m || col >= n", "row > m || col > n", "index out of range")
kernel_mutant(*NAIVE, "b[(size_t)i * n + col]", "b[(size_t)i * k + col]", "c[0, 0] is")
kernel_mutant(*NAIVE, "i < k", "i + 1 < k", "c[0, 0] is 0, want")
kernel_mutant(
    *NAIVE,
    "for (unsigned i = 0; i < k; i++) sum += a[(size_t)row * k + i] * b[(size_t)i * n + col];",
    "for (unsigned i = 0; i < k; i++) {\nsum += a[row * k + i] * b[i * n + col];\n"
    "c[row * n + col] = sum; }",
    "requests to write c",
)

# ---- 9.2 matmul_coalesced ----

COALESCED = ("9.2 matmul_coalesced", "matmul_coalesced")
ROW_COL = "row = blockIdx.y * 32 + threadIdx.y, col = blockIdx.x * 32 + threadIdx.x;"
kernel_mutant(
    *COALESCED, ROW_COL,
    "row = blockIdx.y * 32 + threadIdx.x, col = blockIdx.x * 32 + threadIdx.y;",
    "reading a in line 13 takes up to 32 sectors a request, 1 would do",
)  # fmt: skip
kernel_mutant(
    *COALESCED, ROW_COL,
    "row = blockIdx.x * 32 + threadIdx.y, col = blockIdx.y * 32 + threadIdx.x;",
    "c[0, 32] is nan, want",
)  # fmt: skip
kernel_mutant(
    *COALESCED, ROW_COL,
    "row = blockIdx.y * 32 + threadIdx.y, col = blockIdx.x * 32 + threadIdx.y;",
    "c[0, 1] is nan, want",
)  # fmt: skip
kernel_mutant(
    *COALESCED, ROW_COL,
    "row = blockIdx.y * 32 + threadIdx.x / 2, col = blockIdx.x * 32 + threadIdx.x % 2;",
    "race in global memory, matmul_coalesced.cu line 14",
)  # fmt: skip

# ---- 9.3 matmul_tiled ----

TILED = ("9.3 matmul_tiled", "matmul_tiled")
FIRST = "__syncthreads();\n        for"
kernel_mutant(*TILED, FIRST, "for", "race in shared memory")
kernel_mutant(*TILED, "bs[i][tx];\n        __syncthreads();", "bs[i][tx];", "race in shared memory")
kernel_mutant(*TILED, "row < m && k0 + tx < k ?", "row < m ?", "index out of range")
kernel_mutant(*TILED, "as[ty][i] * bs[i][tx]", "as[ty][i] * bs[tx][i]", "c[0, 0] is")
kernel_mutant(
    *TILED, "as[ty][i] * bs[i][tx]",
    "(row < m && k0 + i < k ? a[row * k + k0 + i] : 0.0f) * bs[i][tx]", "requests to memory",
)  # fmt: skip
kernel_mutant(
    *TILED, "for (unsigned k0 = 0; k0 < k; k0 += TILE) {",
    "if (row >= m || col >= n) return;\n    for (unsigned k0 = 0; k0 < k; k0 += TILE) {",
    "shared memory read before it was written",
)  # fmt: skip

kernel_mutant(
    *TILED, "bs[i][tx];\n        __syncthreads();", "bs[i][tx];\n        __syncthreads();\n"
    "        __syncthreads();", "18 barriers, 12 would do",
)  # fmt: skip
kernel_mutant(
    *TILED, FIRST, "if (row < m && col < n) __syncthreads();\n        for", "to which all threads come",
)  # fmt: skip

# ---- 9.4 matmul_nt_tiled ----

NT = ("9.4 matmul_nt_tiled", "matmul_nt_tiled")
NT_LOAD = "bs[tx][ty] = k0 + tx < k && col0 + ty < n ? b[(size_t)(col0 + ty) * k + k0 + tx] : 0.0f;"
kernel_mutant(
    *NT, NT_LOAD, "bs[ty][tx] = k0 + ty < k && col < n ? b[(size_t)col * k + k0 + ty] : 0.0f;  //",
    "reading b in line",
)  # fmt: skip
kernel_mutant(*NT, "bs[TILE][TILE + 1];", "bs[TILE][TILE];", "has 32-way bank conflicts")
kernel_mutant(*NT, "bs[TILE][TILE + 1];", "bs[TILE][TILE + 2];", "has 2-way bank conflicts")
kernel_mutant(
    *NT, NT_LOAD, NT_LOAD.replace("bs[tx][ty]", "bs[ty][tx]"), "c[0, 0] is",
)  # fmt: skip
kernel_mutant(*NT, NT_LOAD, NT_LOAD.replace("col0 + ty < n", "col < n"), "index out of range")

# ---- 9.5 matmul_column ----

COLUMN = ("9.5 matmul_column", "matmul_column")
kernel_mutant(*COLUMN, "as[ty * TM + i][kk]", "as[ty + i * TM][kk]", "c[1, 0] is")
kernel_mutant(*COLUMN, "as[ty * TM + i][kk]", "as[ty * TM][kk]", "c[1, 0] is")
kernel_mutant(*COLUMN, "if (row < m && col < n) c", "if (row < m) c", "c[")
kernel_mutant(*COLUMN, "if (row < m && col < n) c", "if (col < n) c", "index out of range")
kernel_mutant(*COLUMN, "row0 + ty * TM + i, col", "row0 + ty + i, col", "c[1, 0] is")

kernel_mutant(*COLUMN, "as[ty * TM + i][kk]", "as[ty * TM][kk]", "Look in the step: acc[i] belongs")
kernel_mutant(*COLUMN, "row0 + ty * TM + i, col", "row0 + ty * TM, col", "Look in the write: ")
kernel_mutant(*COLUMN, "float rb =", "__syncthreads();\nfloat rb =", "barriers, 4 would do")
kernel_mutant(*COLUMN, "float rb = bs[kk][tx];", "float rb;", "Look in the step: ")

# ---- 9.6 matmul_square ----

SQUARE = ("9.6 matmul_square", "matmul_square")
kernel_mutant(*SQUARE, "bs[kk][tx + j * (BN / TN)]", "bs[kk][tx * TN + j]", "c[0, ")
kernel_mutant(*SQUARE, "+= ra[i] * rb[j]", "= ra[i] * rb[j]", "c[0, 0] is")
kernel_mutant(
    *SQUARE, "acc[i][j] += ra[i] * rb[j]",
    "acc[i][j] += as[ty + i * (BM / TM)][kk] * bs[kk][tx + j * (BN / TN)]",
    "requests to shared memory, 1,024 would do",
)  # fmt: skip
kernel_mutant(*SQUARE, "row0 + ty + i * (BM / TM), col", "row0 + ty * TM + i, col", "c[")
kernel_mutant(*SQUARE, "if (row < m && col < n)", "if (row < m)", "c[")

kernel_mutant(
    *SQUARE, "bs[kk][tx + j * (BN / TN)]", "bs[kk][tx + j]", "Look in the step: row ty + i"
)
kernel_mutant(*SQUARE, "row < m && col < n", "row < m || col < n", "Look in the write: ")
kernel_mutant(
    *SQUARE, "if (row < m && col < n) c", "__syncthreads();\nif (row < m && col < n) c",
    "barriers, 2 would do",
)  # fmt: skip

# ---- 9.7 matmul_vector ----

VECTOR = ("9.7 matmul_vector", "matmul_vector")
FROM_A = "if (row0 + ai < m && k0 + ak < k) from_a"
kernel_mutant(*VECTOR, FROM_A, "if (row0 + ai < m) from_a", "index out of range")
kernel_mutant(*VECTOR, FROM_A, "from_a", "index out of range")
kernel_mutant(*VECTOR, "as[half][ak + 1][ai] = from_a.y;", "", "read before it was written")
kernel_mutant(
    *VECTOR,
    "as[half][ak + 1][ai] = from_a.y;",
    "as[half][ak][ai + 1] = from_a.y;",
    "race in shared memory",
)
kernel_mutant(*VECTOR, "k + k0 + ak];", "k + k0 + ak + 1];", "index out of range")
kernel_mutant(
    *VECTOR, "from_b = *(const float4*)&b[(size_t)(k0 + bk) * n + col0 + bj];",
    "{ const float* p = &b[(size_t)(k0 + bk) * n + col0 + bj];\n"
    "from_b = make_float4(p[0], p[1], p[2], p[3]); }", "requests to memory, 32 would do",
)  # fmt: skip

kernel_mutant(
    *VECTOR, "*(float4*)&bs[half][bk][bj] = from_b;",
    "*(float4*)&bs[half][bk][bj] = from_b;\n__syncthreads();",
    "5 barriers, 3 would do",
)  # fmt: skip
kernel_mutant(*VECTOR, "as[half][ak][ai]", "as[0][ak][ai]", "Look in put: into the half")
kernel_mutant(*VECTOR, "k0 + bk < k && ", "", "Look in fetch: ")
kernel_mutant(
    *VECTOR, "*(float4*)&bs[half][bk][bj] = from_b;",
    "bs[half][bk][bj] = from_b.x; bs[half][bk][bj + 1] = from_b.y;\n"
    "bs[half][bk][bj + 2] = from_b.z; bs[half][bk][bj + 3] = from_b.w;", "16 bytes at once",
)  # fmt: skip

# ---- 9.8 mma_tile ----

MMA = ("9.8 mma_tile", "mma_tile")
kernel_mutant(
    *MMA, "pair(a, g + 8, p), pair(a, g, p + 8)", "pair(a, g, p + 8), pair(a, g + 8, p)", "c["
)
kernel_mutant(*MMA, "pair(b, g, p), pair(b, g, p + 8)", "pair(b, g, p + 8), pair(b, g, p)", "c[")
kernel_mutant(
    *MMA,
    "c[(g + 8) * 8 + p] = d[2];",
    "c[g * 8 + p + 2] = d[2];",
    "race in global memory, mma_tile.cu line 17",
)
kernel_mutant(
    *MMA, "c[(g + 8) * 8 + p + 1] = d[3];", "", "(nan: never written, or used before it was set)"
)

# ---- 9.9 matmul_bf16 ----

TENSOR = ("9.9 matmul_bf16", "matmul_bf16")
ARRIVED = "read before the asynchronous copy has arrived"
kernel_mutant(*TENSOR, "part ^= row % 8;", "", "has 8-way bank conflicts")
kernel_mutant(*TENSOR, "part ^= row % 8;", "part ^= row % 4;", "has 2-way bank conflicts")
kernel_mutant(*TENSOR, "part ^= row % 8;", "part += row % 8;", "race in shared memory")
kernel_mutant(*TENSOR, "cp_async_wait<STAGES - 2>();", "", ARRIVED)
kernel_mutant(*TENSOR, "cp_async_wait<STAGES - 2>();", "cp_async_wait<STAGES - 1>();", ARRIVED)
kernel_mutant(
    *TENSOR, "cp_async_wait<STAGES - 2>();\n        __syncthreads();",
    "__syncthreads();\n        cp_async_wait<STAGES - 2>();", ARRIVED,
)  # fmt: skip
kernel_mutant(*TENSOR, "fb[j / 2][j % 2 * 2], fb", "fb[j / 2][j % 2], fb", "c[0, ")
kernel_mutant(*TENSOR, "as, my_row + i * 16, kk);", "as, my_row + i * 8, kk);", "c[")
kernel_mutant(*TENSOR, "my_row + i * 16, kk", "i * 16, kk", "Look in the products: row and k")
kernel_mutant(*TENSOR, "kk, my_col + j * 16", "kk, j * 16", "tiles of 128 x 128, 3 stages, 4 warps")
kernel_mutant(
    *TENSOR, "cp_async_wait<STAGES - 2>();\n        __syncthreads();",
    "cp_async_wait<STAGES - 2>();\n        __syncwarp();", "Look in the wait: first the thread",
)  # fmt: skip
kernel_mutant(
    *TENSOR, "cp_async_wait<STAGES - 2>();\n        __syncthreads();",
    "cp_async_wait<STAGES - 2>();", "race in shared memory",
)  # fmt: skip
kernel_mutant(
    *TENSOR, "cp_async_wait<STAGES - 2>();\n        __syncthreads();",
    "cp_async_wait<STAGES - 2>();\n        __syncthreads();\n        __syncthreads();",
    "4 barriers, 2 would do",
)  # fmt: skip
kernel_mutant(*TENSOR, "<STAGES - 2>()", "(STAGES - 2)", "stands in `< >`")
kernel_mutant(*TENSOR, "<STAGES - 2>", "<0>", "waits for every copy, so the ring is no use")
kernel_mutant(*TENSOR, "<STAGES - 2>", "<1>", ARRIVED)
kernel_mutant(*TENSOR, "part ^= row % 8;", "part ^= row;", "Look in place: ")
kernel_mutant(
    *TENSOR,
    "as, my_row + i * 16, kk);",
    "as, my_row + i * 16, t * BK + kk);",
    "Look in the products: ",
)
kernel_mutant(
    *TENSOR,
    "as, my_row + i * 16, kk);",
    "as, row0 + my_row + i * 16, kk);",
    "Look in the products: ",
)
