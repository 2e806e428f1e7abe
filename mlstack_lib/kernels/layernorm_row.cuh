/* What the LayerNorm kernels do to a row that a warp holds in registers, PER_LANE numbers a lane. */

/* From v, the row (0 beyond c): v - mean in its place, and y, mean and rstd written. Two passes over
   registers: the squares are taken of numbers that are already centred, which keeps their digits. */
__device__ __forceinline__ void normalise_row(float (&v)[PER_LANE], const float* __restrict__ weight,
                                              const float* __restrict__ bias, float* __restrict__ y,
                                              float* __restrict__ mean, float* __restrict__ rstd, unsigned c,
                                              float eps) {
    unsigned lane = threadIdx.x % 32;
    float sum = 0.0f, squares = 0.0f;
#pragma unroll
    for (int i = 0; i < PER_LANE; i++) sum += v[i];
    float mu = warp_sum(sum) / c;
#pragma unroll
    for (int i = 0; i < PER_LANE; i++) {
        v[i] = lane + 32 * i < c ? v[i] - mu : 0.0f;
        squares += v[i] * v[i];
    }
    float r = rsqrtf(warp_sum(squares) / c + eps);
#pragma unroll
    for (int i = 0; i < PER_LANE; i++) {
        unsigned j = lane + 32 * i;
        if (j < c) y[j] = v[i] * r * weight[j] + bias[j];
    }
    if (lane == 0) {
        *mean = mu;
        *rstd = r;
    }
}
