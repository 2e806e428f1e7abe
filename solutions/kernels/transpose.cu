/* transpose: y[column][row] = x[row][column]; x (rows, columns), y (columns, rows) f32. Chapter 08, last rung.
   A block takes a tile of 32 x 32: it reads rows of x into shared memory and writes rows of y from
   there. A row of the tile has 33 numbers, so that a column of it lies in 32 banks.
   grid (columns / 32, rows / 32), rounded up; block (32, any that divides 32). Any sizes. Reads and
   writes 4 rows columns bytes. Reference x.T. */
extern "C" __global__ void transpose(const float* __restrict__ x, float* __restrict__ y, unsigned rows,
                                     unsigned columns) {
    unsigned tx = threadIdx.x, first_row = 32 * blockIdx.y, first_column = 32 * blockIdx.x;  // of the tile in x
    // BEGIN SOLUTION
    __shared__ float tile[32][33];
    for (unsigned i = threadIdx.y; i < 32; i += blockDim.y) {
        unsigned row = first_row + i, column = first_column + tx;
        if (row < rows && column < columns) tile[i][tx] = x[row * columns + column];
    }
    __syncthreads();
    for (unsigned i = threadIdx.y; i < 32; i += blockDim.y) {
        unsigned row = first_row + tx, column = first_column + i;
        if (row < rows && column < columns) y[column * rows + row] = tile[tx][i];
    }
    // END SOLUTION
}
