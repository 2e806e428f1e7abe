/* sum_halves: parts[block] = the sum of this block's BLOCK numbers of x; x (n), parts (gridDim.x) f32.
   Chapter 08, third rung. A tree in shared memory that adds the upper half to the lower half. Change from
   sum_neighbours: the threads that work are the first ones, so whole warps are done early.
   grid n / BLOCK rounded up; block BLOCK, a power of 2. Any n. Reads 4n bytes. Reference x.sum(). */
extern "C" __global__ void sum_halves(const float* __restrict__ x, float* __restrict__ parts, unsigned n) {
    __shared__ float scratch[BLOCK];
    unsigned t = threadIdx.x, i = blockIdx.x * BLOCK + t;
    // BEGIN SOLUTION
    scratch[t] = i < n ? x[i] : 0.0f;
    __syncthreads();
    for (unsigned width = BLOCK / 2; width > 0; width /= 2) {
        if (t < width) scratch[t] += scratch[t + width];
        __syncthreads();
    }
    if (t == 0) parts[blockIdx.x] = scratch[0];
    // END SOLUTION
}
