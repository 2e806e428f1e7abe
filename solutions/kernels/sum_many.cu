/* sum_many: parts[block] = the sum of this block's share of x; x (n), parts (gridDim.x) f32.
   Chapter 08, fourth rung. Change from sum_halves: each thread first adds many numbers in a register, so
   that the tree, in which most threads idle, is needed once a block and there are few blocks.
   grid any; block BLOCK, a power of 2. Any n. Reads 4n bytes. Reference x.sum(). */
extern "C" __global__ void sum_many(const float* __restrict__ x, float* __restrict__ parts, unsigned n) {
    __shared__ float scratch[BLOCK];
    unsigned t = threadIdx.x;
    // BEGIN SOLUTION
    float sum = 0.0f;
    for (unsigned i = blockIdx.x * BLOCK + t; i < n; i += gridDim.x * BLOCK) sum += x[i];
    scratch[t] = sum;
    // END SOLUTION
    __syncthreads();
    for (unsigned width = BLOCK / 2; width > 0; width /= 2) {
        if (t < width) scratch[t] += scratch[t + width];
        __syncthreads();
    }
    if (t == 0) parts[blockIdx.x] = scratch[0];
}
