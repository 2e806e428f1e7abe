/* layernorm_backward_atomic: dx, and dweight and dbias by atomics, of y = xhat * weight + bias. Chapter 10,
   backward rung v1. dy, x, dx (n, c); weight (c); mean, rstd (n); dweight, dbias (c), 0 before; all f32.
   grid n / WARPS rounded up; block 32 * WARPS: a warp takes a row; c <= 32 * PER_LANE. The order in which
   the rows' shares are added, and so the last digits, differ from launch to launch. Reads 8nc, writes 4nc
   bytes, beside 2nc atomics. Reference layernorm_backward. */
extern "C" __global__ void layernorm_backward_atomic(const float* __restrict__ dy, const float* __restrict__ x,
                                                     const float* __restrict__ weight,
                                                     const float* __restrict__ mean,
                                                     const float* __restrict__ rstd, float* __restrict__ dx,
                                                     float* __restrict__ dweight, float* __restrict__ dbias,
                                                     unsigned n, unsigned c) {
    unsigned lane = threadIdx.x % 32, row = blockIdx.x * WARPS + threadIdx.x / 32;
    if (row >= n) return;  // whole warps leave
    size_t begin = (size_t)row * c;
    float mu = mean[row], r = rstd[row], xhat[PER_LANE], g[PER_LANE], sum_g = 0.0f, sum_gx = 0.0f;
#pragma unroll
    for (int i = 0; i < PER_LANE; i++) {
        unsigned j = lane + 32 * i;
        float d = j < c ? dy[begin + j] : 0.0f;
        xhat[i] = j < c ? (x[begin + j] - mu) * r : 0.0f;
        g[i] = j < c ? d * weight[j] : 0.0f;
        sum_g += g[i];
        sum_gx += g[i] * xhat[i];
        if (j >= c) continue;
        atomicAdd(&dweight[j], d * xhat[i]);
        atomicAdd(&dbias[j], d);
    }
    sum_g = warp_sum(sum_g) / c;
    sum_gx = warp_sum(sum_gx) / c;
#pragma unroll
    for (int i = 0; i < PER_LANE; i++) {
        unsigned j = lane + 32 * i;
        if (j < c) dx[begin + j] = r * (g[i] - sum_g - xhat[i] * sum_gx);
    }
}
