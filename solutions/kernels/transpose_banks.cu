/* transpose_banks: y[column][row] = x[row][column]; x (rows, columns), y (columns, rows) f32. Chapter 08, second rung.
   A block takes a tile of 32 x 32: it reads rows of x into shared memory and writes rows of y from
   there, column by column. The 32 numbers of a column lie in one bank: a conflict of 32 ways.
   grid (columns / 32, rows / 32), rounded up; block (32, any that divides 32). Any sizes. Reads and
   writes 4 rows columns bytes. Reference x.T. */
extern "C" __global__ void transpose_banks(const float* __restrict__ x, float* __restrict__ y, unsigned rows,
                                           unsigned columns) {
    unsigned tx = threadIdx.x, first_row = 32 * blockIdx.y, first_column = 32 * blockIdx.x;  // of the tile in x
    __shared__ float tile[32][32];
    for (unsigned i = threadIdx.y; i < 32; i += blockDim.y) {
        unsigned row = first_row + i, column = first_column + tx;
        if (row < rows && column < columns) tile[i][tx] = x[row * columns + column];
    }
    __syncthreads();
    for (unsigned i = threadIdx.y; i < 32; i += blockDim.y) {
        unsigned row = first_row + tx, column = first_column + i;
        if (row < rows && column < columns) y[column * rows + row] = tile[tx][i];
    }
}
