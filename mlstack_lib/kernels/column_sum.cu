/* column_sum: y[part] = the sum over this part's rows of x; x (n, c), y (parts, c) f32.
   Two launches make a whole sum: many parts, then their sum as one part, always in one order.
   grid (c / 32 rounded up, parts); block (32, ROWS): a warp reads 32 neighbouring columns.
   ACCUMULATE: add to y. Reads 4nc bytes. Twin column_sum.wgsl, reference column_sum. */
extern "C" __global__ void column_sum(const float* __restrict__ x, float* __restrict__ y, unsigned n,
                                      unsigned c, unsigned rows_of_part) {
    __shared__ float sums[ROWS][33];
    unsigned column = blockIdx.x * 32 + threadIdx.x, part = blockIdx.y;
    unsigned begin = part * rows_of_part, end = min(begin + rows_of_part, n);
    float sum = 0.0f;
    // BEGIN SOLUTION
    if (column < c)
#pragma unroll 8
        for (unsigned row = begin + threadIdx.y; row < end; row += ROWS) sum += x[(size_t)row * c + column];
    sums[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y > 0 || column >= c) return;
    for (int i = 1; i < ROWS; i++) sum += sums[i][threadIdx.x];
    // END SOLUTION
    unsigned at = part * c + column;
    y[at] = ACCUMULATE ? y[at] + sum : sum;
}
