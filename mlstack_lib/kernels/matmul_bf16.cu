/* matmul_bf16: c = op(a) op(b), op a transposition or none; op(a) (m, k), op(b) (k, n), c (m, n) bf16, sums
   in f32. TRANS_A: a is stored (k, m). TRANS_B: b is stored (n, k). The rows that a and b are stored in, and
   those of c, have a multiple of 8 numbers. No twin.                             chapter 09, rung v7
   grid (n / BN, m / BM) rounded up; block MMA_THREADS: a warp computes 64 x 64 elements, on tensor cores.
   Constants: BM, BN 64, 128 or 256, BK 64, STAGES >= 2. Dynamic shared memory: STAGES * (BM + BN) * BK * 2
   bytes, a ring of tiles: STAGES - 1 of them on their way, by cp.async, while one is multiplied.
   References matmul, matmul_nt, matmul_tn. */
#include "mma.cuh"
#define MMA_THREADS (BM / 64 * (BN / 64) * 32)
#define GROUP 8  // rows of blocks that are walked together, so that what they read is still in the L2 cache

/* Where in a tile stand the 8 numbers that are part `part` of row `row`; a row has PARTS of them. */
template <unsigned PARTS>
__device__ __forceinline__ unsigned short* place(unsigned short* tile, unsigned row, unsigned part) {
    // BEGIN SOLUTION
    part ^= row % 8;  // the 8 rows that ldmatrix reads at a time lie in different banks
    // END SOLUTION
    return tile + (row * PARTS + part) * 8;
}

/* Send for HEIGHT x WIDTH numbers of a matrix (rows, cols), from (row0, col0) on; zeros beyond its edges. */
template <unsigned HEIGHT, unsigned WIDTH>
__device__ __forceinline__ void send_for(unsigned short* tile, const unsigned short* __restrict__ from,
                                         unsigned rows, unsigned cols, unsigned row0, unsigned col0) {
#pragma unroll
    for (unsigned i = 0; i < HEIGHT * WIDTH / 8 / MMA_THREADS; i++) {
        unsigned e = i * MMA_THREADS + threadIdx.x, row = e / (WIDTH / 8), part = e % (WIDTH / 8);
        unsigned short* to = place<WIDTH / 8>(tile, row, part);
        if (row0 + row < rows && col0 + part * 8 < cols)
            cp_async16(to, from + (size_t)(row0 + row) * cols + col0 + part * 8);
        else
            *(uint4*)to = make_uint4(0, 0, 0, 0);
    }
}

/* 16 x 16 of op(a), from (row, k) on, and 16 x 16 of op(b), from (k, col) on, as mma takes them. */
__device__ __forceinline__ void fragment_a(unsigned (&fa)[4], unsigned short* as, unsigned row, unsigned k) {
    unsigned lane = threadIdx.x % 32;
    if (TRANS_A)
        ldmatrix_x4_trans(fa, place<BM / 8>(as, k + lane / 16 * 8 + lane % 8, row / 8 + lane / 8 % 2));
    else
        ldmatrix_x4(fa, place<BK / 8>(as, row + lane % 16, k / 8 + lane / 16));
}
__device__ __forceinline__ void fragment_b(unsigned (&fb)[4], unsigned short* bs, unsigned k, unsigned col) {
    unsigned lane = threadIdx.x % 32;
    if (TRANS_B)
        ldmatrix_x4(fb, place<BK / 8>(bs, col + lane / 16 * 8 + lane % 8, k / 8 + lane / 8 % 2));
    else
        ldmatrix_x4_trans(fb, place<BN / 8>(bs, k + lane % 16, col / 8 + lane / 16));
}

extern "C" __global__ void __launch_bounds__(MMA_THREADS)
    matmul_bf16(const unsigned short* __restrict__ a, const unsigned short* __restrict__ b,
                unsigned short* __restrict__ c, unsigned m, unsigned n, unsigned k) {
    extern __shared__ __align__(128) unsigned short ring[];
    unsigned id = blockIdx.y * gridDim.x + blockIdx.x, in_group = id % (GROUP * gridDim.x);
    unsigned first = id / (GROUP * gridDim.x) * GROUP, height = min(GROUP, gridDim.y - first);
    unsigned row0 = (first + in_group % height) * BM, col0 = in_group / height * BN;
    unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    unsigned my_row = warp / (BN / 64) * 64, my_col = warp % (BN / 64) * 64, tiles = (k + BK - 1) / BK;
    auto send_for_tile = [&](unsigned t) {
        unsigned short *as = ring + t % STAGES * (BM + BN) * BK, *bs = as + BM * BK;
        if (TRANS_A) send_for<BK, BM>(as, a, k, m, t * BK, row0);
        else send_for<BM, BK>(as, a, m, k, row0, t * BK);
        if (TRANS_B) send_for<BN, BK>(bs, b, n, k, col0, t * BK);
        else send_for<BK, BN>(bs, b, k, n, t * BK, col0);
    };

    float acc[4][8][4] = {};
    for (unsigned t = 0; t < STAGES - 1; t++) {
        if (t < tiles) send_for_tile(t);
        cp_async_commit();  // a group for each tile, an empty one beyond the last
    }
    for (unsigned t = 0; t < tiles; t++) {
        // BEGIN SOLUTION
        cp_async_wait<STAGES - 2>();
        __syncthreads();
        // END SOLUTION
        if (t + STAGES - 1 < tiles) send_for_tile(t + STAGES - 1);  // over the tile before this one
        cp_async_commit();
        unsigned short *as = ring + t % STAGES * (BM + BN) * BK, *bs = as + BM * BK;
#pragma unroll
        for (unsigned kk = 0; kk < BK; kk += 16) {
            unsigned fa[4][4], fb[4][4];
            // BEGIN SOLUTION
#pragma unroll
            for (int i = 0; i < 4; i++) fragment_a(fa[i], as, my_row + i * 16, kk);
#pragma unroll
            for (int j = 0; j < 4; j++) fragment_b(fb[j], bs, kk, my_col + j * 16);
#pragma unroll
            for (int i = 0; i < 4; i++)
#pragma unroll
                for (int j = 0; j < 8; j++)
                    mma_m16n8k16_bf16(acc[i][j], fa[i], fb[j / 2][j % 2 * 2], fb[j / 2][j % 2 * 2 + 1]);
            // END SOLUTION
        }
    }
#pragma unroll
    for (int i = 0; i < 8; i++)
#pragma unroll
        for (int j = 0; j < 8; j++) {
            unsigned row = row0 + my_row + i * 8 + lane / 4, col = col0 + my_col + j * 8 + lane % 4 * 2;
            if (row < m && col < n)
                *(unsigned*)&c[(size_t)row * n + col] =
                    pack_bf16(acc[i / 2][j][i % 2 * 2], acc[i / 2][j][i % 2 * 2 + 1]);
        }
}
