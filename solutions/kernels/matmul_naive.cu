/* matmul_naive: c = a b; a (m, k), b (k, n), c (m, n) f32.                       chapter 09, rung v1
   grid (n / 32, m / 32) rounded up; block (32, 32): a thread computes one element. Any m, n, k >= 1.
   Asks memory for 8 bytes for each multiplication and addition. Reference matmul. */
extern "C" __global__ void matmul_naive(const float* __restrict__ a, const float* __restrict__ b,
                                        float* __restrict__ c, unsigned m, unsigned n, unsigned k) {
    unsigned row = blockIdx.y * 32 + threadIdx.x, col = blockIdx.x * 32 + threadIdx.y;
    // BEGIN SOLUTION
    if (row >= m || col >= n) return;
    float sum = 0.0f;
    for (unsigned i = 0; i < k; i++) sum += a[(size_t)row * k + i] * b[(size_t)i * n + col];
    c[(size_t)row * n + col] = sum;
    // END SOLUTION
}
