/* attention_forward: causal attention with an online softmax; the (t, t) scores are never in memory.
   qkv (batch, t, 3, h, D); out (batch, t, h, D); lse (batch, h, t), the logarithm of each softmax's
   denominator, for the backward pass; all f32. A block takes ROWS queries of one head, and goes through the
   keys they may look at, COLUMNS at a time: scores, maximum so far, exponentials; what was added up before is
   scaled down whenever the maximum grows. Rows that are beyond t or masked whole are never written.
   grid (batch * h, t / ROWS rounded up); block THREADS; dynamic shared memory (ROWS + 2 COLUMNS) (D + 4) +
   ROWS (COLUMNS + 4) numbers, D rounded up to 4. Any t, D <= 128. Tiles: attention_tile.cuh.
   Twin attention_forward.wgsl, reference attention_forward. Dao 2023, arXiv:2307.08691, algorithm 1. */
#include "attention_tile.cuh"

extern "C" __global__ void __launch_bounds__(THREADS, D <= 64 ? 4 : 2)
    attention_forward(const float* __restrict__ qkv, float* __restrict__ out, float* __restrict__ lse,
                      unsigned t, unsigned h, float scale) {
    extern __shared__ float shared[];
    float *q = shared, *k = q + ROWS * LD, *v = k + COLUMNS * LD, *p = v + COLUMNS * LD;
    unsigned tx = threadIdx.x % WIDE, ty = threadIdx.x / WIDE;
    unsigned q0 = (gridDim.y - 1 - blockIdx.y) * ROWS;  // the longest rows first
    unsigned batch = blockIdx.x / h, head = blockIdx.x % h, stride = 3 * h * D;
    const float* rows = qkv + (size_t)batch * t * stride + head * D;  // the head's first query
    load_rows<ROWS>(q, rows, stride, q0, t, scale * LOG2E);  // exp(x) is 2^(x log2 e)

    float4 acc[ROWS / HIGH][SQUARES] = {};
    float top[ROWS / HIGH], total[ROWS / HIGH];
#pragma unroll
    for (int i = 0; i < ROWS / HIGH; i++) top[i] = MASKED, total[i] = 0.0f;
    for (unsigned k0 = 0; k0 < min(q0 + ROWS, t); k0 += COLUMNS) {
        load_rows<COLUMNS>(k, rows + h * D, stride, k0, t, 1.0f);
        load_rows<COLUMNS>(v, rows + 2 * h * D, stride, k0, t, 1.0f);
        __syncthreads();
        float s[ROWS / HIGH][COLUMNS / WIDE];
        multiply_rows(q, k, s);
        if (k0 + COLUMNS > q0 + 1) mask(s, q0, k0);
#pragma unroll
        for (int i = 0; i < ROWS / HIGH; i++) {
            float high = top[i], sum = 0.0f;
#pragma unroll
            for (int j = 0; j < COLUMNS / WIDE; j++) high = fmaxf(high, s[i][j]);
            high = warp_max<WIDE>(high);
#pragma unroll
            for (int j = 0; j < COLUMNS / WIDE; j++) {
                s[i][j] = exp2f(s[i][j] - high);
                sum += s[i][j];
                p[(ty + i * HIGH) * (COLUMNS + 4) + tx + j * WIDE] = s[i][j];
            }
            float rescale = exp2f(top[i] - high);
            total[i] = total[i] * rescale + warp_sum<WIDE>(sum);
#pragma unroll
            for (int c = 0; c < SQUARES; c++)
                acc[i][c].x *= rescale, acc[i][c].y *= rescale, acc[i][c].z *= rescale, acc[i][c].w *= rescale;
            top[i] = high;
        }
        __syncwarp();  // a row of p is written and read by one warp
        add_weighted_rows<ROWS / HIGH, COLUMNS>(p, v, acc);
        __syncthreads();
    }
#pragma unroll
    for (int i = 0; i < ROWS / HIGH; i++) {
        unsigned row = q0 + ty + i * HIGH;
        if (row >= t) continue;
        write_row(out + (((size_t)batch * t + row) * h + head) * D, acc[i], 1.0f / total[i]);
        if (tx == 0) lse[(size_t)blockIdx.x * t + row] = LN2 * (top[i] + log2f(total[i]));
    }
}
