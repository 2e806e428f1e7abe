/* What the attention kernels share. A block is WIDE threads wide and HIGH high: thread (ty, tx) owns the
   rows ty + i HIGH of a tile of scores and the columns tx + j WIDE; of a tile of results the same rows and,
   from each 4 (tx + c WIDE) on, 4 columns. A row belongs to WIDE lanes of one warp, so what they tell each
   other of it needs no barrier of the block. D is the size of a head.
   Rows in shared memory are D4 vectors of 16 bytes and 16 bytes more, which moves each row 4 banks on.
   VECTOR: memory too is read 16 bytes at a time; the launcher sets it where rows begin at multiples of 16. */

#define LOG2E 1.44269504088896341f
#define LN2 0.693147180559945309f
#define MASKED -3.0e38f
#define HIGH (THREADS / WIDE)
#define D4 ((D + 3) / 4)
#define LD (4 * D4 + 4)
#define SQUARES ((D4 + WIDE - 1) / WIDE)  // of a row of results, for each thread

/* Copy rows first .. first + COUNT of one head, `stride` numbers apart, into shared memory; zeros beyond t. */
template <int COUNT>
__device__ __forceinline__ void load_rows(float* tile, const float* __restrict__ head, unsigned stride,
                                          unsigned first, unsigned t, float factor) {
#pragma unroll 4
    for (unsigned e = threadIdx.x; e < COUNT * D4; e += THREADS) {
        unsigned row = e / D4, d = e % D4 * 4;
        float4 v = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
        if (first + row < t) {
            const float* from = head + (size_t)(first + row) * stride + d;
            if (VECTOR)
                v = *(const float4*)from;
            else
                v = make_float4(from[0], d + 1 < D ? from[1] : 0.0f, d + 2 < D ? from[2] : 0.0f,
                                d + 3 < D ? from[3] : 0.0f);
        }
        *(float4*)&tile[row * LD + d] = make_float4(v.x * factor, v.y * factor, v.z * factor, v.w * factor);
    }
}

__device__ __forceinline__ float dot4(float4 a, float4 b, float sum) {
    return fmaf(a.w, b.w, fmaf(a.z, b.z, fmaf(a.y, b.y, fmaf(a.x, b.x, sum))));
}

/* s[i][j] = the product of row ty + i HIGH of a and row tx + j WIDE of b. */
template <int R, int C>
__device__ __forceinline__ void multiply_rows(const float* a, const float* b, float (&s)[R][C]) {
    unsigned tx = threadIdx.x % WIDE, ty = threadIdx.x / WIDE;
#pragma unroll
    for (int i = 0; i < R; i++)
#pragma unroll
        for (int j = 0; j < C; j++) s[i][j] = 0.0f;
#pragma unroll 4
    for (int d = 0; d < 4 * D4; d += 4) {
        float4 rb[C];
#pragma unroll
        for (int j = 0; j < C; j++) rb[j] = *(const float4*)&b[(tx + j * WIDE) * LD + d];
#pragma unroll
        for (int i = 0; i < R; i++) {
            float4 ra = *(const float4*)&a[(ty + i * HIGH) * LD + d];
#pragma unroll
            for (int j = 0; j < C; j++) s[i][j] = dot4(ra, rb[j], s[i][j]);
        }
    }
}

/* Take out the scores of keys that come after their query; key 0, which every query sees, comes first. */
template <int R, int C>
__device__ __forceinline__ void mask(float (&s)[R][C], unsigned q0, unsigned k0) {
    unsigned tx = threadIdx.x % WIDE, ty = threadIdx.x / WIDE;
#pragma unroll
    for (int i = 0; i < R; i++)
#pragma unroll
        for (int j = 0; j < C; j++)
            if (k0 + tx + j * WIDE > q0 + ty + i * HIGH) s[i][j] = MASKED;
}

/* acc[i] += sum_r w[row ty + i HIGH][r] * rows[r], in this thread's columns; w has COUNT columns, and 4 more. */
template <int R, int COUNT>
__device__ __forceinline__ void add_weighted_rows(const float* w, const float* rows, float4 (&acc)[R][SQUARES]) {
    unsigned tx = threadIdx.x % WIDE, ty = threadIdx.x / WIDE;
#pragma unroll 4
    for (int r = 0; r < COUNT; r += 4) {
#pragma unroll
        for (int c = 0; c < SQUARES; c++) {
            unsigned column = 4 * (tx + c * WIDE);
            if (SQUARES * WIDE > D4 && column >= D) continue;
            float4 v[4];
#pragma unroll
            for (int q = 0; q < 4; q++) v[q] = *(const float4*)&rows[(r + q) * LD + column];
#pragma unroll
            for (int i = 0; i < R; i++) {
                float4 weight = *(const float4*)&w[(ty + i * HIGH) * (COUNT + 4) + r];
                const float x[4] = {weight.x, weight.y, weight.z, weight.w};
#pragma unroll
                for (int q = 0; q < 4; q++) {
                    acc[i][c].x = fmaf(x[q], v[q].x, acc[i][c].x), acc[i][c].y = fmaf(x[q], v[q].y, acc[i][c].y);
                    acc[i][c].z = fmaf(x[q], v[q].z, acc[i][c].z), acc[i][c].w = fmaf(x[q], v[q].w, acc[i][c].w);
                }
            }
        }
    }
}

/* Write this thread's columns of one row of results, times `factor`. */
__device__ __forceinline__ void write_row(float* __restrict__ to, const float4 (&acc)[SQUARES], float factor) {
    unsigned tx = threadIdx.x % WIDE;
#pragma unroll
    for (int c = 0; c < SQUARES; c++) {
        unsigned d = 4 * (tx + c * WIDE);
        const float x[4] = {acc[c].x * factor, acc[c].y * factor, acc[c].z * factor, acc[c].w * factor};
        if (VECTOR) {
            if (d < D) *(float4*)(to + d) = make_float4(x[0], x[1], x[2], x[3]);
        } else {
#pragma unroll
            for (int q = 0; q < 4; q++)
                if (d + q < D) to[d + q] = x[q];
        }
    }
}
