/* transpose_naive: y[column][row] = x[row][column]; x (rows, columns), y (columns, rows) f32. Chapter 08, first rung.
   A thread takes an element. Neighbours in x are `rows` apart in y: a warp writes to 32 sectors.
   grid (columns / 32, rows / blockDim.y), rounded up; block (32, any). Any sizes. Reads and writes
   4 rows columns bytes. Reference x.T. */
extern "C" __global__ void transpose_naive(const float* __restrict__ x, float* __restrict__ y, unsigned rows,
                                           unsigned columns) {
    unsigned column = blockIdx.x * blockDim.x + threadIdx.x;
    unsigned row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row < rows && column < columns) y[column * rows + row] = x[row * columns + column];
}
