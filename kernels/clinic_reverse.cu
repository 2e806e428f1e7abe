/* clinic_reverse: each row of x backwards; x, y (rows, BLOCK) f32. Chapter 08, the clinic.
   A block takes a row, then the row gridDim.x further on, and so on. grid any; block BLOCK.
   Reference x[:, ::-1]. */
extern "C" __global__ void clinic_reverse(const float* __restrict__ x, float* __restrict__ y, unsigned rows) {
    __shared__ float scratch[BLOCK];
    unsigned t = threadIdx.x;
    for (unsigned row = blockIdx.x; row < rows; row += gridDim.x) {
        // YOUR CODE HERE (mend what follows); delete this line
        scratch[t] = x[row * BLOCK + t];
        __syncthreads();
        y[row * BLOCK + t] = scratch[BLOCK - 1 - t];
    }
}
// sealed cec4b3326eefb00d
