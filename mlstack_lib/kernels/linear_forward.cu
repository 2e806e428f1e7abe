/* linear_forward: y = x weight^T + bias; x (n, k), weight (m, k), bias (m), y (n, m) f32.
   grid (m / BN, n / BM) rounded up; block TILE_THREADS. Tiles: tile.cuh, TRANS_B. Any sizes.
   Twin linear_forward.wgsl, reference linear_forward without activation. */
#include "tile.cuh"

extern "C" __global__ void __launch_bounds__(TILE_THREADS)
    linear_forward(const float* __restrict__ x, const float* __restrict__ weight,
                   const float* __restrict__ bias, float* __restrict__ y, unsigned n, unsigned m, unsigned k) {
    __shared__ Tile tile;
    float acc[TM][TN] = {};
    unsigned row0 = blockIdx.y * BM, col0 = blockIdx.x * BN;
    multiply_tile(tile, x, weight, n, m, k, row0, col0, 0, k, acc);

#pragma unroll
    for (int i = 0; i < TM; i++)
#pragma unroll
        for (int j = 0; j < TN; j += 4) {
            unsigned row = row0 + tile_row(i), col = col0 + tile_column(j);
            unsigned count = row < n ? count4(col, m) : 0;
            if (count == 0) continue;
            size_t at = (size_t)row * m + col;
            write4(y + at, add4(acc[i] + j, bias + col, count), count);
        }
}
