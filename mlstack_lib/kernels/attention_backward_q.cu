/* attention_backward_q: the gradient of the queries, into dqkv[:, :, 0].
   dout (batch, t, h, D); qkv, dqkv (batch, t, 3, h, D); lse, delta (batch, h, t); all f32.
   A block takes BQ queries of one head and goes through the keys they look at: dq = ds k scale, with ds as
   in attention_backward_kv.
   grid (t / BQ rounded up, batch * h); block THREADS; dynamic shared memory 2 (BQ + BK) (D + 4) +
   BQ (BK + 4) numbers, D rounded up to 4. Any t, D <= 128. Tiles: attention_tile.cuh.
   Twin attention_backward_q.wgsl, reference attention_backward. */
#include "attention_tile.cuh"

extern "C" __global__ void __launch_bounds__(THREADS)
    attention_backward_q(const float* __restrict__ dout, const float* __restrict__ qkv,
                         const float* __restrict__ lse, const float* __restrict__ delta,
                         float* __restrict__ dqkv, unsigned t, unsigned h, float scale) {
    extern __shared__ float shared[];
    float *q = shared, *d_out = q + BQ * LD, *k = d_out + BQ * LD, *v = k + BK * LD, *w = v + BK * LD;
    unsigned tx = threadIdx.x % WIDE, ty = threadIdx.x / WIDE;
    unsigned q0 = (gridDim.x - 1 - blockIdx.x) * BQ;  // the longest rows first
    unsigned batch = blockIdx.y / h, head = blockIdx.y % h, stride = 3 * h * D;
    size_t begin = (size_t)batch * t * stride + head * D;
    load_rows<BQ>(q, qkv + begin, stride, q0, t, scale);
    load_rows<BQ>(d_out, dout + (size_t)batch * t * h * D + head * D, h * D, q0, t, 1.0f);
    float row_lse[BQ / HIGH], row_delta[BQ / HIGH];
#pragma unroll
    for (int i = 0; i < BQ / HIGH; i++) {
        size_t at = (size_t)blockIdx.y * t + min(q0 + ty + i * HIGH, t - 1);
        row_lse[i] = lse[at], row_delta[i] = delta[at];
    }

    float4 dq[BQ / HIGH][SQUARES] = {};
    for (unsigned k0 = 0; k0 < min(q0 + BQ, t); k0 += BK) {
        load_rows<BK>(k, qkv + begin + h * D, stride, k0, t, 1.0f);
        load_rows<BK>(v, qkv + begin + 2 * h * D, stride, k0, t, 1.0f);
        __syncthreads();
        float s[BQ / HIGH][BK / WIDE], ds[BQ / HIGH][BK / WIDE];
        multiply_rows(q, k, s);
        if (k0 + BK > q0 + 1) mask(s, q0, k0);
        multiply_rows(d_out, v, ds);
#pragma unroll
        for (int i = 0; i < BQ / HIGH; i++)
#pragma unroll
            for (int j = 0; j < BK / WIDE; j++) {
                float p = exp2f(LOG2E * (s[i][j] - row_lse[i]));
                w[(ty + i * HIGH) * (BK + 4) + tx + j * WIDE] = p * (ds[i][j] - row_delta[i]);
            }
        __syncwarp();  // a row of w is written and read by one warp
        add_weighted_rows<BQ / HIGH, BK>(w, k, dq);
        __syncthreads();
    }
#pragma unroll
    for (int i = 0; i < BQ / HIGH; i++) {
        unsigned row = q0 + ty + i * HIGH;
        if (row < t) write_row(dqkv + begin + (size_t)row * stride, dq[i], scale);
    }
}
