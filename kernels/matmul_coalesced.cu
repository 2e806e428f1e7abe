/* matmul_coalesced: c = a b; a (m, k), b (k, n), c (m, n) f32.                   chapter 09, rung v2
   grid (n / 32, m / 32) rounded up; block (32, 32): a thread computes one element. Any m, n, k >= 1.
   Change from v1: neighbours in a warp are neighbours in a row of b and c. Reference matmul. */
extern "C" __global__ void matmul_coalesced(const float* __restrict__ a, const float* __restrict__ b,
                                            float* __restrict__ c, unsigned m, unsigned n, unsigned k) {
    // YOUR CODE HERE (mend what follows); delete this line
    unsigned row = blockIdx.y * 32 + threadIdx.x, col = blockIdx.x * 32 + threadIdx.y;
    if (row >= m || col >= n) return;
    float sum = 0.0f;
    for (unsigned i = 0; i < k; i++) sum += a[(size_t)row * k + i] * b[(size_t)i * n + col];
    c[(size_t)row * n + col] = sum;
}
// sealed e5e281492453ce2c
