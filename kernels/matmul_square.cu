/* matmul_square: c = a b; a (m, k), b (k, n), c (m, n) f32.                      chapter 09, rung v5
   grid (n / BN, m / BM) rounded up; block THREADS. Constants: BM, BN, BK, TM, TN. Any m, n, k >= 1.
   Change from v4: a thread computes TM x TN elements, from TM + TN numbers in registers. Thread
   (ty, tx) owns rows ty + i * BM/TM and columns tx + j * BN/TN. Reference matmul. */
#define THREADS ((BM / TM) * (BN / TN))

extern "C" __global__ void __launch_bounds__(THREADS)
    matmul_square(const float* __restrict__ a, const float* __restrict__ b, float* __restrict__ c,
                  unsigned m, unsigned n, unsigned k) {
    __shared__ float as[BM][BK], bs[BK][BN];
    unsigned tx = threadIdx.x % (BN / TN), ty = threadIdx.x / (BN / TN);
    unsigned row0 = blockIdx.y * BM, col0 = blockIdx.x * BN;
    float acc[TM][TN] = {};
    for (unsigned k0 = 0; k0 < k; k0 += BK) {
        for (unsigned e = threadIdx.x; e < BM * BK; e += THREADS) {
            unsigned i = e / BK, kk = e % BK;
            as[i][kk] = row0 + i < m && k0 + kk < k ? a[(size_t)(row0 + i) * k + k0 + kk] : 0.0f;
        }
        for (unsigned e = threadIdx.x; e < BN * BK; e += THREADS) {
            unsigned j = e % BN, kk = e / BN;
            bs[kk][j] = k0 + kk < k && col0 + j < n ? b[(size_t)(k0 + kk) * n + col0 + j] : 0.0f;
        }
        __syncthreads();
#pragma unroll
        for (int kk = 0; kk < BK; kk++) {
            float ra[TM], rb[TN];
            // YOUR CODE HERE (8 lines); delete this line
        }
        __syncthreads();
    }
#pragma unroll
    for (int i = 0; i < TM; i++)
#pragma unroll
        for (int j = 0; j < TN; j++) {
            // YOUR CODE HERE (2 lines); delete this line
        }
}
// sealed 91a3125ec0050d03
