/* add_bias: y[row][column] = x[row][column] + bias[column]. Chapter 08.
   x, y (rows, columns), bias (columns), f32. A thread takes an element: x counts columns, y rows.
   grid (columns / blockDim.x, rows / blockDim.y), rounded up; block of any shape. Any sizes.
   Reads 4 rows columns, writes as much. Reference x + bias. */
extern "C" __global__ void add_bias(const float* __restrict__ x, const float* __restrict__ bias, float* __restrict__ y,
                                    unsigned rows, unsigned columns) {
    // BEGIN SOLUTION
    unsigned column = blockIdx.x * blockDim.x + threadIdx.x;
    unsigned row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row >= rows || column >= columns) return;
    y[row * columns + column] = x[row * columns + column] + bias[column];
    // END SOLUTION
}
