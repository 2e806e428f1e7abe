"""Wrong solutions of chapter 08: kernels with one place changed."""

from zoo import kernel_mutant

# ---- 8.1 add ----

ADD = "8.1 add", "add"
GUARD = "    if (i >= n) return;\n"
kernel_mutant(*ADD, GUARD, "", "index out of range, add.cu line 5")
kernel_mutant(*ADD, "i >= n", "i > n", "reads a[1], but a has 1 element")
kernel_mutant(
    *ADD, "blockIdx.x * blockDim.x + ", "", "race in global memory between blocks, add.cu line 6"
)
kernel_mutant(*ADD, "blockDim.x", "32", "of block (1,0,0) writes y[32]")
kernel_mutant(*ADD, "blockDim.x", "gridDim.x", "of block (1,0,0) writes y[2]")
kernel_mutant(*ADD, "a[i] + b[i]", "a[i] - b[i]", "want")

# ---- 8.2 add_bias ----

ADD_BIAS = "8.2 add_bias", "add_bias"
kernel_mutant(*ADD_BIAS, "row >= rows || column >= columns", "row >= rows && column >= columns",
              "index out of range")  # fmt: skip
kernel_mutant(*ADD_BIAS, "row >= rows || ", "", "index out of range")
kernel_mutant(*ADD_BIAS, "+ bias[column];", "+ bias[row];", "y[0, 2] is 0, want 4")
kernel_mutant(*ADD_BIAS, "y[row * columns", "y[row * rows", "y[")
kernel_mutant(*ADD_BIAS, "blockDim.y + threadIdx.y", "blockDim.y + threadIdx.x",
              "race in global memory, add_bias.cu line 11")  # fmt: skip
kernel_mutant(*ADD_BIAS, "x[row * columns + column]", "x[column * rows + row]", "y[0, 1] is")
kernel_mutant(*ADD_BIAS, """unsigned column = blockIdx.x * blockDim.x + threadIdx.x;
    unsigned row = blockIdx.y * blockDim.y + threadIdx.y;""",
              """unsigned t = threadIdx.y * blockDim.x + threadIdx.x;
    unsigned column = blockIdx.x * blockDim.x + t / blockDim.y;
    unsigned row = blockIdx.y * blockDim.y + t % blockDim.y;""",
              "sectors for a request of a warp")  # fmt: skip

kernel_mutant(*ADD_BIAS, "y[row * columns + column] = x[row * columns", "y[row * rows + column] = x[row * rows",
              "rows by their y; a row is `columns` numbers long")  # fmt: skip

# ---- 8.3 axpy ----

AXPY = "8.3 axpy", "axpy"
LOOP = "for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += threads) "
kernel_mutant(*AXPY, LOOP, LOOP.replace("for (", "").replace("; i < n; i += threads) ", "; if (i < n) "),
              "y[32] is")  # fmt: skip
kernel_mutant(*AXPY, "i += threads", "i += blockDim.x", "race in global memory between blocks")
kernel_mutant(*AXPY, "= blockIdx.x * blockDim.x + threadIdx.x", "= threadIdx.x", "between blocks")
kernel_mutant(*AXPY, "i < n", "i <= n", "index out of range, axpy.cu line 7")
kernel_mutant(*AXPY, "+= a * x[i]", "= a * x[i]", "y[2] is 0, want 4")
kernel_mutant(
    *AXPY,
    LOOP,
    """unsigned each = (n + threads - 1) / threads;
    unsigned begin = (blockIdx.x * blockDim.x + threadIdx.x) * each;
    for (unsigned i = begin; i < min(begin + each, n); i++) """,
    "sectors for a request of a warp",
)

kernel_mutant(*AXPY, LOOP, "if (blockIdx.x + threadIdx.x > 0) return;\n    for (unsigned i = 0; i < n; i++) ",
              "only 1 of 32 lanes load at a time")  # fmt: skip

# ---- 8.4 transpose ----

TRANSPOSE = "8.4 transpose", "transpose"
kernel_mutant(*TRANSPOSE, "    __syncthreads();\n", "", "race in shared memory")
kernel_mutant(*TRANSPOSE, "tile[32][33]", "tile[32][32]", "has 32-way bank conflicts")
kernel_mutant(
    *TRANSPOSE, "tile[32][33]", "tile[32][31]", "race in shared memory, transpose.cu line 13"
)
kernel_mutant(*TRANSPOSE, "= tile[tx][i]", "= tile[i][tx]", "y[")
kernel_mutant(*TRANSPOSE, "row = first_row + tx, column = first_column + i;",
              "row = first_row + i, column = first_column + tx;", "shared memory read before it was written")  # fmt: skip
kernel_mutant(*TRANSPOSE, "y[column * rows + row]", "y[row * columns + column]", "y[")
kernel_mutant(*TRANSPOSE, "column = first_column + tx;\n        if (row < rows && column < columns) tile",
              "column = first_column + tx;\n        tile", "index out of range")  # fmt: skip
NAIVE = """for (unsigned i = threadIdx.y; i < 32; i += blockDim.y) {
        unsigned row = first_row + i, column = first_column + tx;
        if (row < rows && column < columns) """
kernel_mutant(*TRANSPOSE, NAIVE + "tile[i][tx] = x[row * columns + column];\n    }",
              NAIVE + "y[column * rows + row] = x[row * columns + column];\n    }\n    return;",
              "line 13 (store 4 B) moves 32 sectors")  # fmt: skip

kernel_mutant(
    *TRANSPOSE,
    "__shared__ float tile",
    "float tile",
    "each thread has a tile of its own: is it `__shared__`?",
)
# threads that have nothing to read leave, before the barrier
kernel_mutant(*TRANSPOSE, "column = first_column + tx;\n        if (row < rows && column < columns) tile",
              "column = first_column + tx;\n        if (row >= rows || column >= columns) return;\n        tile",
              "Look: who returns before the barrier is missing")  # fmt: skip

# ---- 8.5 sum_halves ----

HALVES = "8.5 sum_halves", "sum_halves"
FILL = "    scratch[t] = i < n ? x[i] : 0.0f;\n"
ADDS = "        if (t < width) scratch[t] += scratch[t + width];\n"
kernel_mutant(*HALVES, FILL + "    __syncthreads();\n", FILL, "race in shared memory")
kernel_mutant(*HALVES, ADDS + "        __syncthreads();\n", ADDS, "race in shared memory")
kernel_mutant(*HALVES, "i < n ? x[i] : 0.0f", "x[i]", "index out of range")
kernel_mutant(*HALVES, FILL, "    if (i < n) scratch[t] = x[i];\n", "read before it was written")
kernel_mutant(
    *HALVES, "t < width", "t <= width", "reads scratch[128], but scratch has 128 elements"
)
kernel_mutant(*HALVES, "width > 0", "width > 1", "parts[0] is")
kernel_mutant(*HALVES, "if (t < width) ", "", "index out of range")
kernel_mutant(*HALVES, "for (unsigned width = BLOCK / 2; width > 0; width /= 2) {\n        if (t < width)",
              "for (unsigned width = 1; width < BLOCK; width *= 2) {\n        if (t % (2 * width) == 0)",
              "74 requests to shared memory in a block, 29 would do")  # fmt: skip
kernel_mutant(*HALVES, """for (unsigned width = BLOCK / 2; width > 0; width /= 2) {
        if (t < width) scratch[t] += scratch[t + width];
        __syncthreads();
    }""", "for (unsigned j = 1; t == 0 && j < BLOCK; j++) scratch[0] += scratch[j];",
              "requests to shared memory in a block, 29 would do")  # fmt: skip

# barriers that not all threads come to: GPUs let it pass, and the sum is right
LEFT = "right, but some threads left the kernel before a barrier, sum_halves.cu line "
STEP = (
    FILL
    + "    __syncthreads();\n    for (unsigned width = BLOCK / 2; width > 0; width /= 2) {\n"
    + ADDS
)
IN_BRANCH = "        if (t < width) { scratch[t] += scratch[t + width]; __syncthreads(); }\n"
kernel_mutant(*HALVES, ADDS + "        __syncthreads();\n", IN_BRANCH, LEFT + "12")
kernel_mutant(*HALVES, STEP + "        __syncthreads();\n", STEP.replace(ADDS,
              "        if (t < width) { __syncthreads(); scratch[t] += scratch[t + width]; }\n")
              .replace("    __syncthreads();\n    for", "    for"), LEFT + "11")  # fmt: skip
kernel_mutant(
    *HALVES,
    ADDS,
    "        if (t >= width) return;\n        scratch[t] += scratch[t + width];\n",
    LEFT + "14",
)
kernel_mutant(*HALVES, "if (t == 0) parts[blockIdx.x] = ", "parts[blockIdx.x] = ",
              "128 threads of a block write their part, one is enough. Case: n = 1, 1 block of 128 threads. "
              "Look: does only thread 0 write")  # fmt: skip
kernel_mutant(
    *HALVES,
    "parts[blockIdx.x] = scratch",
    "parts[blockIdx.x] += scratch",
    "does thread 0 assign the sum",
)
# leaving before the first barrier is the cause of what is read unwritten, and is said first
kernel_mutant(*HALVES, FILL, "    if (i >= n) return;\n    scratch[t] = x[i];\n",
              "note: some threads left the kernel before a barrier, sum_halves.cu line 11")  # fmt: skip

# ---- 8.6 sum_many ----

MANY = "8.6 sum_many", "sum_many"
kernel_mutant(*MANY, "i += gridDim.x * BLOCK", "i += BLOCK", "parts[0] is")
kernel_mutant(*MANY, "i = blockIdx.x * BLOCK + t", "i = t", "parts[1] is")
kernel_mutant(*MANY, "float sum = 0.0f;", "float sum = x[t];", "index out of range")
kernel_mutant(
    *MANY, "scratch[t] = sum;", "if (sum) scratch[t] = sum;", "read before it was written"
)
kernel_mutant(*MANY, "sum += x[i]", "sum = x[i]", "parts[0] is")
kernel_mutant(*MANY, "i < n", "i <= n", "index out of range, sum_many.cu line 10")

kernel_mutant(*MANY, "float sum = 0.0f;", "float sum;", "Does `sum` begin with a value?")
kernel_mutant(
    *MANY,
    "    float sum = 0.0f;\n",
    "    float &sum = scratch[t] = 0.0f;\n",
    "requests to shared memory in a block, 29 would",
)

# ---- 8.7 sum_warps ----

WARPS = "8.7 sum_warps", "sum_warps"
FIRST = "    for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_down_sync(FULL_MASK, sum, offset);\n"
STORE = "    if (lane == 0) scratch[warp] = sum;\n"
kernel_mutant(*WARPS, STORE + "    __syncthreads();\n", STORE, "race in shared memory")
kernel_mutant(*WARPS, FIRST + STORE, FIRST.replace("16", "8") + STORE, "parts[0] is")
kernel_mutant(*WARPS, FIRST + STORE, STORE, "parts[0] is")
kernel_mutant(
    *WARPS, "lane < BLOCK / 32 ? scratch[lane] : 0.0f", "scratch[lane]", "before it was written"
)
kernel_mutant(*WARPS, "if (lane == 0) scratch", "scratch", "race in shared memory")
kernel_mutant(*WARPS, "scratch[warp] = sum", "scratch[t] = sum", "index out of range")
kernel_mutant(*WARPS, "    if (warp > 0) return;\n    sum = lane < BLOCK / 32 ? scratch[lane] : 0.0f;\n",
              "    if (t >= BLOCK / 32) return;\n    sum = scratch[lane];\n", "keeps some lanes from this line: with FULL_MASK")  # fmt: skip
kernel_mutant(*WARPS, FIRST + STORE, "    sum = block_sum(sum, scratch);\n    if (t == 0) parts[blockIdx.x] = sum;\n    return;\n",
              "right, but 2 barriers in a block")  # fmt: skip

# ---- 8.8 sum_vector ----

VECTOR = "8.8 sum_vector", "sum_vector"
TAIL = "    if (4 * quads + first < n) sum += x[4 * quads + first];\n"
kernel_mutant(*VECTOR, TAIL, "", "the sum of parts is 0, want 6.")
kernel_mutant(*VECTOR, TAIL, TAIL.replace("first", "threadIdx.x"), "the sum of parts is")
kernel_mutant(*VECTOR, "i < quads", "i < n", "index out of range, sum_vector.cu line 13")
kernel_mutant(*VECTOR, "(v.z + v.w)", "v.z", "the sum of parts is")
kernel_mutant(*VECTOR, "i += threads", "i += BLOCK", "the sum of parts is")
kernel_mutant(*VECTOR, "float4 v = x4[i];\n        sum += (v.x + v.y) + (v.z + v.w);",
              "for (int k = 0; k < 4; k++) sum += x[4 * i + k];",
              "4 elements are loaded one by one, only 0 have to be")  # fmt: skip

# ---- 8.9 clinic: each as it is brought in, and wrong cures ----

CLINIC = "8.9 clinic"
kernel_mutant(CLINIC, "clinic_steps", "i + 1 < n", "i < n", "reads x[2], but x has 2 elements")
kernel_mutant(CLINIC, "clinic_steps", "i + 1 < n", "i + 2 < n", "y[0] is nan")
LAST = "        __syncthreads();  // the next round writes what slower threads still read\n"
kernel_mutant(
    CLINIC, "clinic_reverse", LAST, "", "race in shared memory, clinic_reverse.cu line 11"
)
BOTH = "    if (i < n) scratch[t] = x[i] * x[i];\n    __syncthreads();\n"
SQUARES = CLINIC, "clinic_squares", BOTH
kernel_mutant(*SQUARES, "    if (i < n) {\n    scratch[t] = x[i] * x[i];\n    __syncthreads();\n    }\n",
              "threads wait at different barriers")  # fmt: skip
kernel_mutant(*SQUARES, BOTH.partition("\n")[0], "race in shared memory")
HISTOGRAM = CLINIC, "clinic_histogram"
ZERO = "    if (t < 10) counts[t] = 0;\n    __syncthreads();\n"
kernel_mutant(*HISTOGRAM, ZERO, "", "shared memory read before it was written")
kernel_mutant(*HISTOGRAM, ZERO, ZERO.partition("    __")[0], "race in shared memory")
kernel_mutant(CLINIC, "clinic_gather", "const long long* __restrict__", "const int* __restrict__ ",
              "but the kernel takes them for `int` or `unsigned`, 4 bytes")  # fmt: skip
kernel_mutant(
    CLINIC, "clinic_gather", "const long long*", "const long*", "on Windows a `long` has 4 bytes"
)
