/* sum_halves: parts[block] = the sum of this block's BLOCK numbers of x; x (n), parts (gridDim.x) f32.
   Chapter 08, third rung. A tree in shared memory that adds the upper half to the lower half. Change from
   sum_neighbours: the threads that work are the first ones, so whole warps are done early.
   grid n / BLOCK rounded up; block BLOCK, a power of 2. Any n. Reads 4n bytes. Reference x.sum(). */
extern "C" __global__ void sum_halves(const float* __restrict__ x, float* __restrict__ parts, unsigned n) {
    __shared__ float scratch[BLOCK];
    unsigned t = threadIdx.x, i = blockIdx.x * BLOCK + t;
    // YOUR CODE HERE (7 lines); delete this line
}
// sealed 9f947ab8056afe60
