/* matmul_nt_tiled: c = a b^T; a (m, k), b (n, k), c (m, n) f32.          chapter 09, a form of rung v3
   grid (n / TILE, m / TILE) rounded up; block (TILE, TILE). Constants: TILE. Any m, n, k >= 1.
   Change from v3: b is stored as a linear layer stores its weight, (out, in). Reference matmul_nt. */
extern "C" __global__ void matmul_nt_tiled(const float* __restrict__ a, const float* __restrict__ b,
                                           float* __restrict__ c, unsigned m, unsigned n, unsigned k) {
    // BEGIN SOLUTION
    __shared__ float as[TILE][TILE], bs[TILE][TILE + 1];
    // GIVEN
    // __shared__ float as[TILE][TILE], bs[TILE][TILE];
    // END SOLUTION
    unsigned tx = threadIdx.x, ty = threadIdx.y;
    unsigned row = blockIdx.y * TILE + ty, col0 = blockIdx.x * TILE, col = col0 + tx;
    float sum = 0.0f;
    for (unsigned k0 = 0; k0 < k; k0 += TILE) {
        as[ty][tx] = row < m && k0 + tx < k ? a[(size_t)row * k + k0 + tx] : 0.0f;
        // BEGIN SOLUTION
        bs[tx][ty] = k0 + tx < k && col0 + ty < n ? b[(size_t)(col0 + ty) * k + k0 + tx] : 0.0f;
        // GIVEN
        // bs[ty][tx] = k0 + ty < k && col < n ? b[(size_t)col * k + k0 + ty] : 0.0f;
        // END SOLUTION
        __syncthreads();
        for (unsigned i = 0; i < TILE; i++) sum += as[ty][i] * bs[i][tx];
        __syncthreads();
    }
    if (row < m && col < n) c[(size_t)row * n + col] = sum;
}
