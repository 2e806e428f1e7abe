/* layernorm_backward_vector: dx, and per block a part of dweight and dbias. Chapter 10, backward rung v3.
   dy, x, dx (n, c); weight (c); mean, rstd (n); parts (gridDim.x, 2, c), to be added up by column_sum; all
   f32; c a multiple of 4, arrays begin at multiples of 16 bytes. grid any; block 32 * WARPS;
   c <= 128 * QUADS. Change from the package's layernorm_backward: 16 bytes a load and a store, and
   no dresidual. Reads 8nc, writes 4nc bytes. Reference layernorm_backward. */
__device__ __forceinline__ float4 sum4(float4 a, float4 b) {
    return make_float4(a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w);
}
__device__ __forceinline__ float4 times4(float4 a, float4 b) {
    return make_float4(a.x * b.x, a.y * b.y, a.z * b.z, a.w * b.w);
}
__device__ __forceinline__ float across(float4 a) { return (a.x + a.y) + (a.z + a.w); }

extern "C" __global__ void __launch_bounds__(32 * WARPS)
    layernorm_backward_vector(const float* __restrict__ dy, const float* __restrict__ x,
                              const float* __restrict__ weight, const float* __restrict__ mean,
                              const float* __restrict__ rstd, float* __restrict__ dx,
                              float* __restrict__ parts, unsigned n, unsigned c) {
    __shared__ float4 shared[WARPS][32];
    const float4 zero = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32, quads = c / 4;
    float4 dweight[QUADS], dbias[QUADS];
#pragma unroll
    for (int i = 0; i < QUADS; i++) dweight[i] = dbias[i] = zero;
    for (unsigned row = blockIdx.x * WARPS + warp; row < n; row += gridDim.x * WARPS) {
        size_t begin = (size_t)row * quads;
        float mu = mean[row], r = rstd[row], sum_g = 0.0f, sum_gx = 0.0f;
        float4 xhat[QUADS], g[QUADS];
#pragma unroll
        for (int i = 0; i < QUADS; i++) {
            unsigned q = lane + 32 * i;
            xhat[i] = g[i] = zero;
            if (q >= quads) continue;
            float4 d = ((const float4*)dy)[begin + q], v = ((const float4*)x)[begin + q];
            xhat[i] = make_float4((v.x - mu) * r, (v.y - mu) * r, (v.z - mu) * r, (v.w - mu) * r);
            g[i] = times4(d, ((const float4*)weight)[q]);
            dweight[i] = sum4(dweight[i], times4(d, xhat[i]));
            dbias[i] = sum4(dbias[i], d);
            sum_g += across(g[i]);
            sum_gx += across(times4(g[i], xhat[i]));
        }
        sum_g = warp_sum(sum_g) / c;
        sum_gx = warp_sum(sum_gx) / c;
#pragma unroll
        for (int i = 0; i < QUADS; i++) {
            unsigned q = lane + 32 * i;
            if (q >= quads) continue;
            ((float4*)dx)[begin + q] = make_float4(
                r * (g[i].x - sum_g - xhat[i].x * sum_gx), r * (g[i].y - sum_g - xhat[i].y * sum_gx),
                r * (g[i].z - sum_g - xhat[i].z * sum_gx), r * (g[i].w - sum_g - xhat[i].w * sum_gx));
        }
    }
#pragma unroll  // else dweight and dbias, indexed by a variable, would go to memory
    for (int i = 0; i < 2 * QUADS; i++) {  // the warps' sums become the block's, 128 columns at a time
        __syncthreads();
        shared[warp][lane] = i < QUADS ? dweight[i] : dbias[i - QUADS];
        __syncthreads();
        unsigned q = lane + 32 * (i % QUADS);
        if (warp > 0 || q >= quads) continue;
        float4 sum = shared[0][lane];
        for (int w = 1; w < WARPS; w++) sum = sum4(sum, shared[w][lane]);
        ((float4*)parts)[((size_t)blockIdx.x * 2 + i / QUADS) * quads + q] = sum;
    }
}
