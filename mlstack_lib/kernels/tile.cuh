/* One block's tile of a matrix product: acc += op(a) op(b) over k_begin <= k < k_end.

   The block computes BM x BN elements of the product, each of its threads TM x TN of them, in
   registers. BK columns of op(a) and rows of op(b) at a time pass through shared memory, so a number
   that was read from memory once is used BN (or BM) times. Thread (ty, tx) owns rows ty + i * BM/TM
   and columns tx + j * BN/TN: neighbours in a warp read neighbours in shared memory. */

#define TILE_THREADS ((BM / TM) * (BN / TN))

struct Tile {
    float a[BK][BM + 1];  // + 1: no two threads of a warp meet in one bank when a column is written
    float b[BK][BN + 1];
};

/* Bring op(a) rows row0.., columns k0.. into the tile; zeros beyond the edges. */
__device__ __forceinline__ void load_tile(Tile& tile, const float* __restrict__ a,
                                          const float* __restrict__ b, unsigned m, unsigned n, unsigned k,
                                          unsigned row0, unsigned col0, unsigned k0, unsigned k_end) {
    for (unsigned e = threadIdx.x; e < BM * BK; e += TILE_THREADS) {
        unsigned i = TRANS_A ? e % BM : e / BK, kk = TRANS_A ? e / BM : e % BK;
        bool inside = row0 + i < m && k0 + kk < k_end;
        size_t at = TRANS_A ? (size_t)(k0 + kk) * m + row0 + i : (size_t)(row0 + i) * k + k0 + kk;
        tile.a[kk][i] = inside ? a[at] : 0.0f;
    }
    for (unsigned e = threadIdx.x; e < BN * BK; e += TILE_THREADS) {
        unsigned j = TRANS_B ? e / BK : e % BN, kk = TRANS_B ? e % BK : e / BN;
        bool inside = col0 + j < n && k0 + kk < k_end;
        size_t at = TRANS_B ? (size_t)(col0 + j) * k + k0 + kk : (size_t)(k0 + kk) * n + col0 + j;
        tile.b[kk][j] = inside ? b[at] : 0.0f;
    }
}

__device__ __forceinline__ void multiply_tile(Tile& tile, const float* __restrict__ a,
                                              const float* __restrict__ b, unsigned m, unsigned n,
                                              unsigned k, unsigned row0, unsigned col0, unsigned k_begin,
                                              unsigned k_end, float (&acc)[TM][TN]) {
    unsigned tx = threadIdx.x % (BN / TN), ty = threadIdx.x / (BN / TN);
    for (unsigned k0 = k_begin; k0 < k_end; k0 += BK) {
        load_tile(tile, a, b, m, n, k, row0, col0, k0, k_end);
        __syncthreads();
#pragma unroll
        for (int kk = 0; kk < BK; kk++) {
            float ra[TM], rb[TN];
#pragma unroll
            for (int i = 0; i < TM; i++) ra[i] = tile.a[kk][ty + i * (BM / TM)];
#pragma unroll
            for (int j = 0; j < TN; j++) rb[j] = tile.b[kk][tx + j * (BN / TN)];
#pragma unroll
            for (int i = 0; i < TM; i++)
#pragma unroll
                for (int j = 0; j < TN; j++) acc[i][j] += ra[i] * rb[j];
        }
        __syncthreads();
    }
}
