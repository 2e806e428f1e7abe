/* One block's tile of a matrix product: acc += op(a) op(b) over k_begin <= k < k_end.

   The block computes BM x BN elements of the product, each of its threads TM x TN of them, in registers.
   BK columns of op(a) and rows of op(b) at a time pass through shared memory, so a number that was read
   from memory once is used BN (or BM) times. While a tile is multiplied the next one is on its way, first
   into registers, then into the other half of shared memory: one barrier a tile.
   A warp is 4 lanes high and 8 wide and owns 4 TM x 8 TN elements, each lane squares of 4 x 4: what a lane
   reads of shared memory are 16 bytes at a time, and eight neighbours read all 32 banks.
   VECTOR: memory too is read 16 bytes at a time; the launcher sets it where rows begin at multiples of 16
   bytes. Otherwise, number by number. */

#define TILE_THREADS ((BM / TM) * (BN / TN))
#define WARPS_ACROSS (BN / (8 * TN))

struct Tile {
    float a[2][BK][BM + 4];  // + 4: what is written as columns spreads over more banks
    float b[2][BK][BN + 4];
};

/* The row and column, within the block's tile, of this thread's acc[i][j]. */
__device__ __forceinline__ unsigned tile_row(unsigned i) {
    return threadIdx.x / 32 / WARPS_ACROSS * (4 * TM) + i / 4 * 16 + threadIdx.x % 32 / 8 * 4 + i % 4;
}
__device__ __forceinline__ unsigned tile_column(unsigned j) {
    return threadIdx.x / 32 % WARPS_ACROSS * (8 * TN) + j / 4 * 32 + threadIdx.x % 8 * 4 + j % 4;
}

/* Up to 4 neighbours, zeros for those behind `count`. */
__device__ __forceinline__ float4 read4(const float* __restrict__ from, unsigned count) {
    if (VECTOR) return count ? *(const float4*)from : make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    return make_float4(count > 0 ? from[0] : 0.0f, count > 1 ? from[1] : 0.0f, count > 2 ? from[2] : 0.0f,
                       count > 3 ? from[3] : 0.0f);
}
__device__ __forceinline__ void write4(float* __restrict__ to, float4 v, unsigned count) {
    if (VECTOR) {
        if (count) *(float4*)to = v;
        return;
    }
    if (count > 0) to[0] = v.x;
    if (count > 1) to[1] = v.y;
    if (count > 2) to[2] = v.z;
    if (count > 3) to[3] = v.w;
}
/* The sums of 4 neighbours and `count` of as many others. */
__device__ __forceinline__ float4 add4(const float* x, const float* __restrict__ y, unsigned count) {
    float4 v = read4(y, count);
    return make_float4(x[0] + v.x, x[1] + v.y, x[2] + v.z, x[3] + v.w);
}
/* How many of 4 neighbours from `at` on lie before `end`. */
__device__ __forceinline__ unsigned count4(unsigned at, unsigned end) { return at < end ? min(end - at, 4u) : 0; }

/* A block's part of an operand on its way to shared memory: WIDTH rows or columns, BK of the sum.
   ALONG_K: x is stored (size, k), else (k, size). */
template <bool ALONG_K, int WIDTH>
struct Part {
    static const int LOADS = WIDTH * BK / 4 / TILE_THREADS;
    static_assert(LOADS * 4 * TILE_THREADS == WIDTH * BK, "each thread brings the same number of vectors");
    float4 held[LOADS];

    static __device__ __forceinline__ unsigned place(int load) { return threadIdx.x + load * TILE_THREADS; }
    static __device__ __forceinline__ unsigned k_of(int load) {
        return ALONG_K ? place(load) % (BK / 4) * 4 : place(load) / (WIDTH / 4);
    }
    static __device__ __forceinline__ unsigned i_of(int load) {
        return ALONG_K ? place(load) / (BK / 4) : place(load) % (WIDTH / 4) * 4;
    }
    __device__ __forceinline__ void fetch(const float* __restrict__ x, unsigned size, unsigned k,
                                          unsigned begin, unsigned k0, unsigned k_end) {
#pragma unroll
        for (int load = 0; load < LOADS; load++) {
            unsigned i = begin + i_of(load), kk = k0 + k_of(load);
            unsigned count = ALONG_K ? (i < size ? count4(kk, k_end) : 0) : (kk < k_end ? count4(i, size) : 0);
            held[load] = read4(x + (count ? (ALONG_K ? (size_t)i * k + kk : (size_t)kk * size + i) : 0), count);
        }
    }
    __device__ __forceinline__ void put(float (*to)[WIDTH + 4]) const {
#pragma unroll
        for (int load = 0; load < LOADS; load++) {
            unsigned i = i_of(load), kk = k_of(load);
            if (ALONG_K) {
                to[kk][i] = held[load].x, to[kk + 1][i] = held[load].y;
                to[kk + 2][i] = held[load].z, to[kk + 3][i] = held[load].w;
            } else {
                *(float4*)&to[kk][i] = held[load];
            }
        }
    }
};

/* acc += the product of the two parts in shared memory. */
__device__ __forceinline__ void multiply_parts(const float (*a)[BM + 4], const float (*b)[BN + 4],
                                               float (&acc)[TM][TN]) {
#pragma unroll
    for (int kk = 0; kk < BK; kk++) {
        float4 ra[TM / 4], rb[TN / 4];
#pragma unroll
        for (int i = 0; i < TM / 4; i++) ra[i] = *(const float4*)&a[kk][tile_row(4 * i)];
#pragma unroll
        for (int j = 0; j < TN / 4; j++) rb[j] = *(const float4*)&b[kk][tile_column(4 * j)];
#pragma unroll
        for (int i = 0; i < TM / 4; i++)
#pragma unroll
            for (int j = 0; j < TN / 4; j++) {
                const float x[4] = {ra[i].x, ra[i].y, ra[i].z, ra[i].w};
                const float y[4] = {rb[j].x, rb[j].y, rb[j].z, rb[j].w};
#pragma unroll
                for (int r = 0; r < 4; r++)
#pragma unroll
                    for (int c = 0; c < 4; c++) acc[4 * i + r][4 * j + c] += x[r] * y[c];
            }
    }
}

__device__ __forceinline__ void multiply_tile(Tile& tile, const float* __restrict__ a,
                                              const float* __restrict__ b, unsigned m, unsigned n,
                                              unsigned k, unsigned row0, unsigned col0, unsigned k_begin,
                                              unsigned k_end, float (&acc)[TM][TN]) {
    Part<!TRANS_A, BM> part_a;
    Part<TRANS_B, BN> part_b;
    part_a.fetch(a, m, k, row0, k_begin, k_end);
    part_b.fetch(b, n, k, col0, k_begin, k_end);
    part_a.put(tile.a[0]);
    part_b.put(tile.b[0]);
    __syncthreads();
    unsigned half = 0;
    for (unsigned k0 = k_begin + BK; k0 < k_end; k0 += BK, half ^= 1) {
        part_a.fetch(a, m, k, row0, k0, k_end);
        part_b.fetch(b, n, k, col0, k0, k_end);
        multiply_parts(tile.a[half], tile.b[half], acc);
        part_a.put(tile.a[half ^ 1]);  // read last before the barrier behind us
        part_b.put(tile.b[half ^ 1]);
        __syncthreads();
    }
    multiply_parts(tile.a[half], tile.b[half], acc);
}
