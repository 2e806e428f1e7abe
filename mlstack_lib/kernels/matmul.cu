/* matmul: c = op(a) op(b), op a transposition or none; op(a) (m, k), op(b) (k, n), c (m, n) f32.
   TRANS_A: a is stored (k, m). TRANS_B: b is stored (n, k). ACCUMULATE: add to c.
   SPLITS > 1: block z takes its share of k and writes c[z], (SPLITS, m, n), to be summed afterwards:
   for weight gradients, which have few elements and a long k.
   grid (n / BN, m / BM, SPLITS) rounded up; block TILE_THREADS. Tiles: tile.cuh. Any sizes.
   Twin matmul.wgsl, references matmul, matmul_nt, matmul_tn. */
#include "tile.cuh"

extern "C" __global__ void __launch_bounds__(TILE_THREADS)
    matmul(const float* __restrict__ a, const float* __restrict__ b, float* __restrict__ c, unsigned m,
           unsigned n, unsigned k) {
    __shared__ Tile tile;
    float acc[TM][TN] = {};
    unsigned row0 = blockIdx.y * BM, col0 = blockIdx.x * BN;
    unsigned share = (k + SPLITS - 1) / SPLITS, k_begin = min(blockIdx.z * share, k);
    multiply_tile(tile, a, b, m, n, k, row0, col0, k_begin, min(k_begin + share, k), acc);

    unsigned tx = threadIdx.x % (BN / TN), ty = threadIdx.x / (BN / TN);
    c += (size_t)blockIdx.z * m * n;
    for (int i = 0; i < TM; i++)
        for (int j = 0; j < TN; j++) {
            unsigned row = row0 + ty + i * (BM / TM), col = col0 + tx + j * (BN / TN);
            if (row >= m || col >= n) continue;
            size_t at = (size_t)row * n + col;
            c[at] = ACCUMULATE ? c[at] + acc[i][j] : acc[i][j];
        }
}
