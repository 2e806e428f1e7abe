/* layernorm_warp: y = (x - mean) * rstd * weight + bias over each row of c numbers.  Chapter 10, rung v3.
   Arguments and reference as layernorm_thread. grid n / WARPS rounded up; block 32 * WARPS: a warp takes a
   row; c <= 32 * PER_LANE. Change from v2: the row is read once, into registers, and kept there for both
   sums and the result; no shared memory, no barrier. Reads 4nc, writes 4nc bytes. With its second half in
   layernorm_row.cuh this is the package's layernorm_forward. */
extern "C" __global__ void layernorm_warp(const float* __restrict__ x, const float* __restrict__ weight,
                                          const float* __restrict__ bias, float* __restrict__ y,
                                          float* __restrict__ mean, float* __restrict__ rstd, unsigned n,
                                          unsigned c, float eps) {
    unsigned lane = threadIdx.x % 32, row = blockIdx.x * WARPS + threadIdx.x / 32;
    if (row >= n) return;  // whole warps leave
    size_t begin = (size_t)row * c;
    float v[PER_LANE], sum = 0.0f, squares = 0.0f, mu, r;
#pragma unroll
    for (int i = 0; i < PER_LANE; i++) {
        unsigned j = lane + 32 * i;
        v[i] = j < c ? x[begin + j] : 0.0f;
    }
    // BEGIN SOLUTION
#pragma unroll
    for (int i = 0; i < PER_LANE; i++) sum += v[i];
    mu = warp_sum(sum) / c;
#pragma unroll
    for (int i = 0; i < PER_LANE; i++)
        if (lane + 32 * i < c) squares += (v[i] - mu) * (v[i] - mu);
    r = rsqrtf(warp_sum(squares) / c + eps);
#pragma unroll
    for (int i = 0; i < PER_LANE; i++) {
        unsigned j = lane + 32 * i;
        if (j < c) y[begin + j] = (v[i] - mu) * r * weight[j] + bias[j];
    }
    // END SOLUTION
    if (lane == 0) {
        mean[row] = mu;
        rstd[row] = r;
    }
}
