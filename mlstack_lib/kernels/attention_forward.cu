/* attention_forward: causal attention with an online softmax; the (t, t) scores are never in memory.
   qkv (batch, t, 3, h, D); out (batch, t, h, D); lse (batch, h, t), the logarithm of each softmax's
   denominator, for the backward pass; all f32. A block takes BQ queries of one head, and goes through the
   keys they may look at, BK at a time: scores, maximum so far, exponentials; what was added up before is
   scaled down whenever the maximum grows. Rows that are beyond t or masked whole are never written.
   grid (t / BQ rounded up, batch * h); block 256; dynamic shared memory (BQ + BK) (D + 1) + BQ (BK + 1)
   numbers. Any t, D <= 128. Twin attention_forward.wgsl, reference attention_forward.
   Dao 2023, arXiv:2307.08691, algorithm 1. */
#include "attention_tile.cuh"

extern "C" __global__ void __launch_bounds__(256)
    attention_forward(const float* __restrict__ qkv, float* __restrict__ out, float* __restrict__ lse,
                      unsigned t, unsigned h, float scale) {
    extern __shared__ float shared[];
    float *q = shared, *kv = q + BQ * LD, *p = kv + BK * LD;
    unsigned tx = threadIdx.x % 16, ty = threadIdx.x / 16;
    unsigned q0 = blockIdx.x * BQ, batch = blockIdx.y / h, head = blockIdx.y % h, stride = 3 * h * D;
    const float* rows = qkv + (size_t)batch * t * stride + head * D;  // the head's first query
    load_rows<BQ>(q, rows, stride, q0, t, scale);

    float acc[BQ / 16][COLUMNS] = {}, top[BQ / 16], total[BQ / 16];
    for (int i = 0; i < BQ / 16; i++) top[i] = -3.0e38f, total[i] = 0.0f;
    for (unsigned k0 = 0; k0 < min(q0 + BQ, t); k0 += BK) {
        load_rows<BK>(kv, rows + h * D, stride, k0, t, 1.0f);  // keys
        __syncthreads();
        float s[BQ / 16][BK / 16] = {};
        multiply_rows(q, kv, s);
        for (int i = 0; i < BQ / 16; i++) {
            unsigned row = q0 + ty + 16 * i;
            float high = top[i], sum = 0.0f;
            for (int j = 0; j < BK / 16; j++) {
                if (k0 + tx + 16 * j > row) s[i][j] = -3.0e38f;
                high = fmaxf(high, s[i][j]);
            }
            high = warp_max<16>(high);
            for (int j = 0; j < BK / 16; j++) {
                s[i][j] = k0 + tx + 16 * j > row ? 0.0f : expf(s[i][j] - high);
                sum += s[i][j];
                p[(ty + 16 * i) * (BK + 1) + tx + 16 * j] = s[i][j];
            }
            float rescale = expf(top[i] - high);
            total[i] = total[i] * rescale + warp_sum<16>(sum);
            for (int d = 0; d < COLUMNS; d++) acc[i][d] *= rescale;
            top[i] = high;
        }
        __syncthreads();
        load_rows<BK>(kv, rows + 2 * h * D, stride, k0, t, 1.0f);  // values, in the keys' place
        __syncthreads();
        add_weighted_rows<BQ / 16, BK>(p, 1, BK + 1, kv, acc);
        __syncthreads();
    }
    for (int i = 0; i < BQ / 16; i++) {
        unsigned row = q0 + ty + 16 * i;
        if (row >= t) continue;
        float* to = out + (((size_t)batch * t + row) * h + head) * D;
        for (int d = 0; d < COLUMNS; d++)
            if (tx + 16 * d < D) to[tx + 16 * d] = acc[i][d] / total[i];
        if (tx == 0) lse[(size_t)blockIdx.y * t + row] = top[i] + logf(total[i]);
    }
}
