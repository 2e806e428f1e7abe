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
    // YOUR CODE HERE (6 lines); delete this line
}
// sealed c0ec38d3635c0abf
