/* linear_gelu_forward: pre = x weight^T + bias, y = gelu(pre); x (n, k), weight (m, k), bias (m),
   y, pre (n, m) f32. The backward pass needs pre.
   grid (m / BN, n / BM) rounded up; block TILE_THREADS. Tiles: tile.cuh, TRANS_B. Any sizes.
   Twin linear_gelu_forward.wgsl, reference linear_forward with activation "gelu". */
#include "tile.cuh"

extern "C" __global__ void __launch_bounds__(TILE_THREADS)
    linear_gelu_forward(const float* __restrict__ x, const float* __restrict__ weight,
                        const float* __restrict__ bias, float* __restrict__ y, float* __restrict__ pre,
                        unsigned n, unsigned m, unsigned k) {
    __shared__ Tile tile;
    float acc[TM][TN] = {};
    unsigned row0 = blockIdx.y * BM, col0 = blockIdx.x * BN;
    multiply_tile(tile, x, weight, n, m, k, row0, col0, 0, k, acc);

    unsigned tx = threadIdx.x % (BN / TN), ty = threadIdx.x / (BN / TN);
    for (int i = 0; i < TM; i++)
        for (int j = 0; j < TN; j++) {
            unsigned row = row0 + ty + i * (BM / TM), col = col0 + tx + j * (BN / TN);
            if (row >= n || col >= m) continue;
            float value = acc[i][j] + bias[col];
            pre[(size_t)row * m + col] = value;
            y[(size_t)row * m + col] = gelu(value);
        }
}
