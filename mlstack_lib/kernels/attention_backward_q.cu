/* attention_backward_q: the gradient of the queries, into dqkv[:, :, 0].
   dout (batch, t, h, D); qkv, dqkv (batch, t, 3, h, D); lse, delta (batch, h, t); all f32.
   A block takes BQ queries of one head and goes through the keys they look at: dq = ds k scale, with ds as
   in attention_backward_kv.
   grid (t / BQ rounded up, batch * h); block 256; dynamic shared memory 2 (BQ + BK) (D + 1) +
   BQ (BK + 1) numbers. Any t, D <= 128. Twin attention_backward_q.wgsl, reference attention_backward. */
#include "attention_tile.cuh"

extern "C" __global__ void __launch_bounds__(256)
    attention_backward_q(const float* __restrict__ dout, const float* __restrict__ qkv,
                         const float* __restrict__ lse, const float* __restrict__ delta,
                         float* __restrict__ dqkv, unsigned t, unsigned h, float scale) {
    extern __shared__ float shared[];
    float *q = shared, *d_out = q + BQ * LD, *k = d_out + BQ * LD, *v = k + BK * LD, *ds = v + BK * LD;
    unsigned tx = threadIdx.x % 16, ty = threadIdx.x / 16;
    unsigned q0 = blockIdx.x * BQ, batch = blockIdx.y / h, head = blockIdx.y % h, stride = 3 * h * D;
    size_t begin = (size_t)batch * t * stride + head * D;
    load_rows<BQ>(q, qkv + begin, stride, q0, t, scale);
    load_rows<BQ>(d_out, dout + (size_t)batch * t * h * D + head * D, h * D, q0, t, 1.0f);
    float row_lse[BQ / 16], row_delta[BQ / 16];
    for (int i = 0; i < BQ / 16; i++) {
        size_t at = (size_t)blockIdx.y * t + min(q0 + ty + 16 * i, t - 1);
        row_lse[i] = lse[at], row_delta[i] = delta[at];
    }

    float dq[BQ / 16][COLUMNS] = {};
    for (unsigned k0 = 0; k0 < min(q0 + BQ, t); k0 += BK) {
        load_rows<BK>(k, qkv + begin + h * D, stride, k0, t, 1.0f);
        load_rows<BK>(v, qkv + begin + 2 * h * D, stride, k0, t, 1.0f);
        __syncthreads();
        float s[BQ / 16][BK / 16] = {}, dp[BQ / 16][BK / 16] = {};
        multiply_rows(q, k, s);
        multiply_rows(d_out, v, dp);
        for (int i = 0; i < BQ / 16; i++)
            for (int j = 0; j < BK / 16; j++) {
                bool seen = k0 + tx + 16 * j <= q0 + ty + 16 * i;
                float p = seen ? expf(s[i][j] - row_lse[i]) : 0.0f;
                ds[(ty + 16 * i) * (BK + 1) + tx + 16 * j] = p * (dp[i][j] - row_delta[i]) * scale;
            }
        __syncthreads();
        add_weighted_rows<BQ / 16, BK>(ds, 1, BK + 1, k, dq);
        __syncthreads();
    }
    for (int i = 0; i < BQ / 16; i++) {
        unsigned row = q0 + ty + 16 * i;
        if (row >= t) continue;
        float* to = dqkv + begin + (size_t)row * stride;
        for (int d = 0; d < COLUMNS; d++)
            if (tx + 16 * d < D) to[tx + 16 * d] = dq[i][d];
    }
}
