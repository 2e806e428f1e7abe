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
    unsigned share = (k + SPLITS * BK - 1) / (SPLITS * BK) * BK, k_begin = min(blockIdx.z * share, k);
    multiply_tile(tile, a, b, m, n, k, row0, col0, k_begin, min(k_begin + share, k), acc);

    c += (size_t)blockIdx.z * m * n;
#pragma unroll
    for (int i = 0; i < TM; i++)
#pragma unroll
        for (int j = 0; j < TN; j += 4) {
            unsigned row = row0 + tile_row(i), col = col0 + tile_column(j);
            unsigned count = row < m ? count4(col, n) : 0;
            if (count == 0) continue;
            float* to = c + (size_t)row * n + col;
            float4 v = make_float4(acc[i][j], acc[i][j + 1], acc[i][j + 2], acc[i][j + 3]);
            write4(to, ACCUMULATE ? add4(acc[i] + j, to, count) : v, count);
        }
}
