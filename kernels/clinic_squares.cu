/* clinic_squares: parts[block] = the sum of x * x over this block's BLOCK numbers; x (n), parts (gridDim.x) f32.
   Chapter 08, the clinic. grid n / BLOCK rounded up; block BLOCK, a power of 2. Any n.
   Reference (x * x).sum(), block by block. */
extern "C" __global__ void clinic_squares(const float* __restrict__ x, float* __restrict__ parts, unsigned n) {
    __shared__ float scratch[BLOCK];
    unsigned t = threadIdx.x, i = blockIdx.x * BLOCK + t;
    scratch[t] = 0.0f;
    // YOUR CODE HERE (mend what follows); delete this line
    if (i < n) {
        scratch[t] = x[i] * x[i];
        __syncthreads();
    }
    for (unsigned width = BLOCK / 2; width > 0; width /= 2) {
        if (t < width) scratch[t] += scratch[t + width];
        __syncthreads();
    }
    if (t == 0) parts[blockIdx.x] = scratch[0];
}
// sealed e2e7a3abeb22edf3
