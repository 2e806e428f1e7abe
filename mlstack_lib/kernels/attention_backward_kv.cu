/* attention_backward_kv: the gradients of the keys and values, into dqkv[:, :, 1] and dqkv[:, :, 2].
   dout (batch, t, h, D); qkv, dqkv (batch, t, 3, h, D); lse, delta (batch, h, t); all f32.
   A block takes ROWS keys of one head and goes through the queries that may look at them: the probabilities
   p are computed again from lse, dp = v dout^T, ds = p (dp - delta), all with a row a key;
   dv = p dout, dk = ds q scale. Each gradient is written once, by one block: no atomics.
   grid (batch * h, t / ROWS rounded up); block THREADS; dynamic shared memory 2 (COLUMNS + ROWS) (D + 4) +
   ROWS (COLUMNS + 4) numbers, D rounded up to 4. Any t, D <= 128. Tiles: attention_tile.cuh.
   Twin attention_backward_kv.wgsl, reference attention_backward. Dao 2023, arXiv:2307.08691, algorithm 2. */
#include "attention_tile.cuh"

extern "C" __global__ void __launch_bounds__(THREADS, 2)
    attention_backward_kv(const float* __restrict__ dout, const float* __restrict__ qkv,
                          const float* __restrict__ lse, const float* __restrict__ delta,
                          float* __restrict__ dqkv, unsigned t, unsigned h, float scale) {
    extern __shared__ float shared[];
    float *k = shared, *v = k + ROWS * LD, *q = v + ROWS * LD, *d_out = q + COLUMNS * LD, *p = d_out + COLUMNS * LD;
    unsigned tx = threadIdx.x % WIDE, ty = threadIdx.x / WIDE;
    unsigned k0 = blockIdx.y * ROWS, batch = blockIdx.x / h, head = blockIdx.x % h, stride = 3 * h * D;
    size_t begin = (size_t)batch * t * stride + head * D;
    const float* d_rows = dout + (size_t)batch * t * h * D + head * D;
    load_rows<ROWS>(k, qkv + begin + h * D, stride, k0, t, 1.0f);
    load_rows<ROWS>(v, qkv + begin + 2 * h * D, stride, k0, t, 1.0f);

    float4 dk[ROWS / HIGH][SQUARES] = {}, dv[ROWS / HIGH][SQUARES] = {};
    for (unsigned q0 = k0 / COLUMNS * COLUMNS; q0 < t; q0 += COLUMNS) {
        load_rows<COLUMNS>(q, qkv + begin, stride, q0, t, scale);
        load_rows<COLUMNS>(d_out, d_rows, h * D, q0, t, 1.0f);
        __syncthreads();
        float s[ROWS / HIGH][COLUMNS / WIDE];
        multiply_rows(k, q, s);
        bool partly = k0 + ROWS > q0 + 1 || q0 + COLUMNS > t;  // some pairs are masked, or beyond the end
#pragma unroll
        for (int j = 0; j < COLUMNS / WIDE; j++) {
            unsigned row = q0 + tx + j * WIDE;
            float row_lse = lse[(size_t)blockIdx.x * t + min(row, t - 1)];
#pragma unroll
            for (int i = 0; i < ROWS / HIGH; i++) {
                s[i][j] = exp2f(LOG2E * (s[i][j] - row_lse));
                if (partly && (row >= t || k0 + ty + i * HIGH > row)) s[i][j] = 0.0f;
                p[(ty + i * HIGH) * (COLUMNS + 4) + tx + j * WIDE] = s[i][j];
            }
        }
        __syncwarp();  // a row of p is written and read by one warp
        add_weighted_rows<ROWS / HIGH, COLUMNS>(p, d_out, dv);
        multiply_rows(v, d_out, s);  // dp, in the registers of s; p is still in shared memory
        __syncwarp();
#pragma unroll
        for (int j = 0; j < COLUMNS / WIDE; j++) {
            float row_delta = delta[(size_t)blockIdx.x * t + min(q0 + tx + j * WIDE, t - 1)];
#pragma unroll
            for (int i = 0; i < ROWS / HIGH; i++) {
                float* to = p + (ty + i * HIGH) * (COLUMNS + 4) + tx + j * WIDE;
                *to *= s[i][j] - row_delta;  // ds
            }
        }
        __syncwarp();
        add_weighted_rows<ROWS / HIGH, COLUMNS>(p, q, dk);  // q carries the scale already
        __syncthreads();
    }
#pragma unroll
    for (int i = 0; i < ROWS / HIGH; i++) {
        unsigned row = k0 + ty + i * HIGH;
        if (row >= t) continue;
        float* to = dqkv + begin + (size_t)row * stride + h * D;
        write_row(to, dk[i], 1.0f);
        write_row(to + h * D, dv[i], 1.0f);
    }
}
