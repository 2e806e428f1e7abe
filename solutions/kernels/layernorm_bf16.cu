/* layernorm_bf16: y = (x - mean) * rstd * weight + bias over each row of c numbers. Chapter 10, rung v4 in
   bf16. x, y (n, c) bf16; weight, bias (c), mean, rstd (n) f32; c a multiple of 4, x and y begin at multiples
   of 8 bytes, weight and bias of 16; eps is added to the variance. grid n / WARPS rounded up; block
   32 * WARPS: a warp takes a row; c <= 128 * QUADS. Change from v4: four neighbours are 8 bytes; all sums
   are still in f32. Reads 2nc, writes 2nc bytes. Reference layernorm_forward. */
#include "mma.cuh"

/* Four bf16, two in a register, the first in its lower half, as f32: a bf16 is the upper half of an f32. */
__device__ __forceinline__ float4 unpack(uint2 p) {
    float4 v;
    // BEGIN SOLUTION
    v.x = __uint_as_float(p.x << 16);
    v.y = __uint_as_float(p.x & 0xffff0000u);
    v.z = __uint_as_float(p.y << 16);
    v.w = __uint_as_float(p.y & 0xffff0000u);
    // END SOLUTION
    return v;
}

extern "C" __global__ void layernorm_bf16(const unsigned short* __restrict__ x,
                                          const float* __restrict__ weight, const float* __restrict__ bias,
                                          unsigned short* __restrict__ y, float* __restrict__ mean,
                                          float* __restrict__ rstd, unsigned n, unsigned c, float eps) {
    unsigned lane = threadIdx.x % 32, row = blockIdx.x * WARPS + threadIdx.x / 32, quads = c / 4;
    if (row >= n) return;  // whole warps leave
    const uint2* x4 = (const uint2*)x + (size_t)row * quads;
    const float4 *weight4 = (const float4*)weight, *bias4 = (const float4*)bias;
    uint2* y4 = (uint2*)y + (size_t)row * quads;
    float4 v[QUADS];
    float sum = 0.0f, squares = 0.0f;
#pragma unroll
    for (int i = 0; i < QUADS; i++) {
        unsigned q = lane + 32 * i;
        v[i] = unpack(q < quads ? x4[q] : make_uint2(0, 0));
        sum += (v[i].x + v[i].y) + (v[i].z + v[i].w);
    }
    float mu = warp_sum(sum) / c;
#pragma unroll
    for (int i = 0; i < QUADS; i++) {
        if (lane + 32 * i >= quads) continue;
        v[i] = make_float4(v[i].x - mu, v[i].y - mu, v[i].z - mu, v[i].w - mu);
        squares += (v[i].x * v[i].x + v[i].y * v[i].y) + (v[i].z * v[i].z + v[i].w * v[i].w);
    }
    float r = rsqrtf(warp_sum(squares) / c + eps);
#pragma unroll
    for (int i = 0; i < QUADS; i++) {
        unsigned q = lane + 32 * i;
        if (q >= quads) continue;
        float4 w = weight4[q], b = bias4[q];
        // BEGIN SOLUTION
        unsigned low = pack_bf16(v[i].x * r * w.x + b.x, v[i].y * r * w.y + b.y);
        unsigned high = pack_bf16(v[i].z * r * w.z + b.z, v[i].w * r * w.w + b.w);
        y4[q] = make_uint2(low, high);
        // END SOLUTION
    }
    if (lane == 0) {
        mean[row] = mu;
        rstd[row] = r;
    }
}
