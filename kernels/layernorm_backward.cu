/* layernorm_backward: dx, and per block a part of dweight and dbias, of y = xhat * weight + bias.
   g = dy * weight; dx = rstd * (g - mean(g) - xhat * mean(g * xhat)) (+ dresidual with RESIDUAL 1; with
   0 it is not read). dresidual, dy, x, dx (n, c); weight (c); mean, rstd (n);
   parts (gridDim.x, 2, c): sums of dy * xhat and of dy over this block's rows, to be added up by
   column_sum, always in one order. A warp takes every (gridDim.x * WARPS)-th row, PER_LANE numbers a lane.
   grid any; block 32 * WARPS; c <= 32 * PER_LANE. Reads 8nc (12nc), writes 4nc bytes.
   Twin layernorm_backward.wgsl, references layernorm_backward, residual_layernorm_backward. */
extern "C" __global__ void __launch_bounds__(32 * WARPS)
    layernorm_backward(const float* __restrict__ dresidual, const float* __restrict__ dy,
                       const float* __restrict__ x, const float* __restrict__ weight,
                       const float* __restrict__ mean, const float* __restrict__ rstd,
                       float* __restrict__ dx, float* __restrict__ parts, unsigned n, unsigned c) {
    __shared__ float shared[WARPS][32];
    unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    float dweight[PER_LANE] = {}, dbias[PER_LANE] = {};
    for (unsigned row = blockIdx.x * WARPS + warp; row < n; row += gridDim.x * WARPS) {
        size_t begin = (size_t)row * c;
        float mu = mean[row], r = rstd[row], xhat[PER_LANE], g[PER_LANE], sum_g = 0.0f, sum_gx = 0.0f;
#pragma unroll
        for (int i = 0; i < PER_LANE; i++) {
            unsigned j = lane + 32 * i;
            // YOUR CODE HERE (7 lines); delete this line
        }
        sum_g = warp_sum(sum_g) / c;
        sum_gx = warp_sum(sum_gx) / c;
#pragma unroll
        for (int i = 0; i < PER_LANE; i++) {
            unsigned j = lane + 32 * i;
            if (j >= c) continue;
            // YOUR CODE HERE (2 lines); delete this line
        }
    }
#pragma unroll  // else dweight and dbias, indexed by a variable, would go to memory
    for (int i = 0; i < 2 * PER_LANE; i++) {  // the warps' sums become the block's, 32 columns at a time
        __syncthreads();
        shared[warp][lane] = i < PER_LANE ? dweight[i] : dbias[i - PER_LANE];
        __syncthreads();
        unsigned j = lane + 32 * (i % PER_LANE);
        if (warp > 0 || j >= c) continue;
        float sum = 0.0f;
        for (int w = 0; w < WARPS; w++) sum += shared[w][lane];
        parts[((size_t)blockIdx.x * 2 + i / PER_LANE) * c + j] = sum;
    }
}
// sealed 4c7791992fec33a1
