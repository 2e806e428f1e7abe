/* What the attention kernels share. A block of 256 threads is a square of 16 x 16: thread (ty, tx) owns
   rows ty + 16 i and columns tx + 16 j of each tile, so that neighbours read neighbours. D is the size of
   a head; rows in shared memory have one number more than they need, which keeps them in other banks. */

#define COLUMNS ((D + 15) / 16)  // of a head, for each thread
#define LD (D + 1)

/* Copy rows first .. first + ROWS of one head, `stride` numbers apart, into shared memory; zeros beyond t. */
template <int ROWS>
__device__ __forceinline__ void load_rows(float* tile, const float* __restrict__ head, unsigned stride,
                                          unsigned first, unsigned t, float factor) {
    for (unsigned e = threadIdx.x; e < ROWS * D; e += 256) {
        unsigned row = e / D, d = e % D;
        tile[row * LD + d] = first + row < t ? head[(size_t)(first + row) * stride + d] * factor : 0.0f;
    }
}

/* acc[i][j] += the product of row ty + 16 i of a and row tx + 16 j of b. */
template <int R, int C>
__device__ __forceinline__ void multiply_rows(const float* a, const float* b, float (&acc)[R][C]) {
    unsigned tx = threadIdx.x % 16, ty = threadIdx.x / 16;
    for (int d = 0; d < D; d++) {
        float ra[R], rb[C];
#pragma unroll
        for (int i = 0; i < R; i++) ra[i] = a[(ty + 16 * i) * LD + d];
#pragma unroll
        for (int j = 0; j < C; j++) rb[j] = b[(tx + 16 * j) * LD + d];
#pragma unroll
        for (int i = 0; i < R; i++)
#pragma unroll
            for (int j = 0; j < C; j++) acc[i][j] += ra[i] * rb[j];
    }
}

/* acc[i][j] += sum_r w(r, ty + 16 i) * rows[r][tx + 16 j]; w(r, i) is w[r * across + i * along]. */
template <int R, int ROWS>
__device__ __forceinline__ void add_weighted_rows(const float* w, unsigned across, unsigned along,
                                                  const float* rows, float (&acc)[R][COLUMNS]) {
    unsigned tx = threadIdx.x % 16, ty = threadIdx.x / 16;
    for (int r = 0; r < ROWS; r++) {
        float weight[R];
#pragma unroll
        for (int i = 0; i < R; i++) weight[i] = w[r * across + (ty + 16 * i) * along];
#pragma unroll
        for (int j = 0; j < COLUMNS; j++) {
            float value = tx + 16 * j < D ? rows[r * LD + tx + 16 * j] : 0.0f;
#pragma unroll
            for (int i = 0; i < R; i++) acc[i][j] += weight[i] * value;
        }
    }
}
