/* residual_layernorm_forward: residual = x + delta, and y its layernorm over each row of c numbers.
   x, delta, residual, y (n, c); weight, bias (c); mean, rstd (n), for the backward pass; all f32; eps is
   added to the variance. A warp takes a row and holds it in registers, PER_LANE numbers a lane.
   grid n / WARPS rounded up; block 32 * WARPS; c <= 32 * PER_LANE. Reads 8nc, writes 8nc bytes.
   Twin residual_layernorm_forward.wgsl, reference residual_layernorm_forward. */
#include "layernorm_row.cuh"

extern "C" __global__ void
    residual_layernorm_forward(const float* __restrict__ x, const float* __restrict__ delta,
                               const float* __restrict__ weight, const float* __restrict__ bias,
                               float* __restrict__ residual, float* __restrict__ y,
                               float* __restrict__ mean, float* __restrict__ rstd, unsigned n, unsigned c,
                               float eps) {
    unsigned lane = threadIdx.x % 32, row = blockIdx.x * WARPS + threadIdx.x / 32;
    if (row >= n) return;  // whole warps leave
    size_t begin = (size_t)row * c;
    float v[PER_LANE];
#pragma unroll
    for (int i = 0; i < PER_LANE; i++) {
        unsigned j = lane + 32 * i;
        // YOUR CODE HERE (2 lines); delete this line
    }
    normalise_row(v, weight, bias, y + begin, mean + row, rstd + row, c, eps);
}
// sealed b2c8bb35a54d5920
