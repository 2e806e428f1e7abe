/* matmul_tiled: c = a b; a (m, k), b (k, n), c (m, n) f32.                       chapter 09, rung v3
   grid (n / TILE, m / TILE) rounded up; block (TILE, TILE). Constants: TILE. Any m, n, k >= 1.
   Change from v2: a number that was read from memory once is used TILE times, from shared memory.
   Reference matmul. */
extern "C" __global__ void matmul_tiled(const float* __restrict__ a, const float* __restrict__ b,
                                        float* __restrict__ c, unsigned m, unsigned n, unsigned k) {
    __shared__ float as[TILE][TILE], bs[TILE][TILE];
    unsigned tx = threadIdx.x, ty = threadIdx.y;
    unsigned row = blockIdx.y * TILE + ty, col = blockIdx.x * TILE + tx;
    float sum = 0.0f;
    for (unsigned k0 = 0; k0 < k; k0 += TILE) {  // every thread of the block stays until the end
        // YOUR CODE HERE (5 lines); delete this line
    }
    if (row < m && col < n) c[(size_t)row * n + col] = sum;
}
// sealed d48fe3dd52cbe24f
