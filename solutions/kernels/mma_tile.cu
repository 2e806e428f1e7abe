/* mma_tile: c = a b^T for one tile; a (16, 16), b (8, 16) bf16, c (16, 8) f32.
   grid 1; block 32: one warp, one instruction of the tensor cores. Reference matmul_nt. */
#include "mma.cuh"

/* Two neighbouring bf16 of a matrix with 16 columns, as the 4 bytes of a register. */
__device__ __forceinline__ unsigned pair(const unsigned short* matrix, unsigned row, unsigned col) {
    return *(const unsigned*)&matrix[row * 16 + col];
}

extern "C" __global__ void mma_tile(const unsigned short* __restrict__ a, const unsigned short* __restrict__ b,
                                    float* __restrict__ c) {
    unsigned g = threadIdx.x / 4, p = threadIdx.x % 4 * 2;
    float d[4] = {};
    // BEGIN SOLUTION
    unsigned fa[4] = {pair(a, g, p), pair(a, g + 8, p), pair(a, g, p + 8), pair(a, g + 8, p + 8)};
    mma_m16n8k16_bf16(d, fa, pair(b, g, p), pair(b, g, p + 8));
    c[g * 8 + p] = d[0];
    c[g * 8 + p + 1] = d[1];
    c[(g + 8) * 8 + p] = d[2];
    c[(g + 8) * 8 + p + 1] = d[3];
    // END SOLUTION
}
