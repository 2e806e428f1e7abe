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

#pragma unroll
    for (int i = 0; i < TM; i++)
#pragma unroll
        for (int j = 0; j < TN; j += 4) {
            unsigned row = row0 + tile_row(i), col = col0 + tile_column(j);
            unsigned count = row < n ? count4(col, m) : 0;
            if (count == 0) continue;
            size_t at = (size_t)row * m + col;
            float4 v = add4(acc[i] + j, bias + col, count);
            write4(pre + at, v, count);
            write4(y + at, make_float4(gelu(v.x), gelu(v.y), gelu(v.z), gelu(v.w)), count);
        }
}
