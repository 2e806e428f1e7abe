/* attention_backward_q: the gradient of the queries, into dqkv[:, :, 0].
   dout (batch, t, h, D); qkv, dqkv (batch, t, 3, h, D); lse, delta (batch, h, t); all f32.
   A block takes ROWS queries of one head and goes through the keys they look at: dq = ds k scale, with ds as
   in attention_backward_kv.
   grid (batch * h, t / ROWS rounded up); block THREADS; dynamic shared memory 2 (ROWS + COLUMNS) (D + 4) +
   ROWS (COLUMNS + 4) numbers, D rounded up to 4. Any t, D <= 128. Tiles: attention_tile.cuh.
   Twin attention_backward_q.wgsl, reference attention_backward. */
#include "attention_tile.cuh"

extern "C" __global__ void __launch_bounds__(THREADS, 2)
    attention_backward_q(const float* __restrict__ dout, const float* __restrict__ qkv,
                         const float* __restrict__ lse, const float* __restrict__ delta,
                         float* __restrict__ dqkv, unsigned t, unsigned h, float scale) {
    extern __shared__ float shared[];
    float *q = shared, *d_out = q + ROWS * LD, *k = d_out + ROWS * LD, *v = k + COLUMNS * LD, *w = v + COLUMNS * LD;
    unsigned tx = threadIdx.x % WIDE, ty = threadIdx.x / WIDE;
    unsigned q0 = (gridDim.y - 1 - blockIdx.y) * ROWS;  // the longest rows first
    unsigned batch = blockIdx.x / h, head = blockIdx.x % h, stride = 3 * h * D;
    size_t begin = (size_t)batch * t * stride + head * D;
    load_rows<ROWS>(q, qkv + begin, stride, q0, t, scale);
    load_rows<ROWS>(d_out, dout + (size_t)batch * t * h * D + head * D, h * D, q0, t, 1.0f);
    float row_lse[ROWS / HIGH], row_delta[ROWS / HIGH];
#pragma unroll
    for (int i = 0; i < ROWS / HIGH; i++) {
        size_t at = (size_t)blockIdx.x * t + min(q0 + ty + i * HIGH, t - 1);
        row_lse[i] = lse[at], row_delta[i] = delta[at];
    }

    float4 dq[ROWS / HIGH][SQUARES] = {};
    for (unsigned k0 = 0; k0 < min(q0 + ROWS, t); k0 += COLUMNS) {
        load_rows<COLUMNS>(k, qkv + begin + h * D, stride, k0, t, 1.0f);
        load_rows<COLUMNS>(v, qkv + begin + 2 * h * D, stride, k0, t, 1.0f);
        __syncthreads();
        float s[ROWS / HIGH][COLUMNS / WIDE], ds[ROWS / HIGH][COLUMNS / WIDE];
        multiply_rows(q, k, s);
        if (k0 + COLUMNS > q0 + 1) mask(s, q0, k0);
        multiply_rows(d_out, v, ds);
#pragma unroll
        for (int i = 0; i < ROWS / HIGH; i++)
#pragma unroll
            for (int j = 0; j < COLUMNS / WIDE; j++) {
                float p = exp2f(LOG2E * (s[i][j] - row_lse[i]));
                w[(ty + i * HIGH) * (COLUMNS + 4) + tx + j * WIDE] = p * (ds[i][j] - row_delta[i]);
            }
        __syncwarp();  // a row of w is written and read by one warp
        add_weighted_rows<ROWS / HIGH, COLUMNS>(w, k, dq);
        __syncthreads();
    }
#pragma unroll
    for (int i = 0; i < ROWS / HIGH; i++) {
        unsigned row = q0 + ty + i * HIGH;
        if (row < t) write_row(dqkv + begin + (size_t)row * stride, dq[i], scale);
    }
}
