/* attention_backward_kv: the gradients of the keys and values, into dqkv[:, :, 1] and dqkv[:, :, 2].
   dout (batch, t, h, D); qkv, dqkv (batch, t, 3, h, D); lse, delta (batch, h, t); all f32.
   A block takes BK keys of one head and goes through the queries that may look at them: the probabilities
   p are computed again from lse, dp = dout v^T, ds = p (dp - delta); dv = p^T dout, dk = ds^T q scale.
   Each gradient is written once, by one block: no atomics.
   grid (t / BK rounded up, batch * h); block 256; dynamic shared memory 2 (BQ + BK) (D + 1) +
   2 BQ (BK + 1) numbers. Any t, D <= 128. Twin attention_backward_kv.wgsl, reference attention_backward.
   Dao 2023, arXiv:2307.08691, algorithm 2. */
#include "attention_tile.cuh"

extern "C" __global__ void __launch_bounds__(256)
    attention_backward_kv(const float* __restrict__ dout, const float* __restrict__ qkv,
                          const float* __restrict__ lse, const float* __restrict__ delta,
                          float* __restrict__ dqkv, unsigned t, unsigned h, float scale) {
    extern __shared__ float shared[];
    float *k = shared, *v = k + BK * LD, *q = v + BK * LD, *d_out = q + BQ * LD;
    float *p = d_out + BQ * LD, *ds = p + BQ * (BK + 1);
    unsigned tx = threadIdx.x % 16, ty = threadIdx.x / 16;
    unsigned k0 = blockIdx.x * BK, batch = blockIdx.y / h, head = blockIdx.y % h, stride = 3 * h * D;
    size_t begin = (size_t)batch * t * stride + head * D;
    const float* d_rows = dout + (size_t)batch * t * h * D + head * D;
    load_rows<BK>(k, qkv + begin + h * D, stride, k0, t, 1.0f);
    load_rows<BK>(v, qkv + begin + 2 * h * D, stride, k0, t, 1.0f);

    float dk[BK / 16][COLUMNS] = {}, dv[BK / 16][COLUMNS] = {};
    for (unsigned q0 = k0 / BQ * BQ; q0 < t; q0 += BQ) {
        load_rows<BQ>(q, qkv + begin, stride, q0, t, scale);
        load_rows<BQ>(d_out, d_rows, h * D, q0, t, 1.0f);
        __syncthreads();
        float s[BQ / 16][BK / 16] = {}, dp[BQ / 16][BK / 16] = {};
        multiply_rows(q, k, s);
        multiply_rows(d_out, v, dp);
        for (int i = 0; i < BQ / 16; i++) {
            unsigned row = q0 + ty + 16 * i;
            size_t at = (size_t)blockIdx.y * t + min(row, t - 1);
            float row_lse = lse[at], row_delta = delta[at];
            for (int j = 0; j < BK / 16; j++) {
                unsigned to = (ty + 16 * i) * (BK + 1) + tx + 16 * j;
                bool seen = row < t && k0 + tx + 16 * j <= row;
                p[to] = seen ? expf(s[i][j] - row_lse) : 0.0f;
                ds[to] = p[to] * (dp[i][j] - row_delta);
            }
        }
        __syncthreads();
        add_weighted_rows<BK / 16, BQ>(p, BK + 1, 1, d_out, dv);
        add_weighted_rows<BK / 16, BQ>(ds, BK + 1, 1, q, dk);  // q carries the scale already
        __syncthreads();
    }
    for (int i = 0; i < BK / 16; i++) {
        unsigned row = k0 + ty + 16 * i;
        if (row >= t) continue;
        float* to = dqkv + begin + (size_t)row * stride + h * D;
        for (int d = 0; d < COLUMNS; d++) {
            if (tx + 16 * d >= D) continue;
            to[tx + 16 * d] = dk[i][d];
            to[h * D + tx + 16 * d] = dv[i][d];
        }
    }
}
