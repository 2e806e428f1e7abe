/* sum_vector: parts[block] = the sum of this block's share of x; x (n), parts (gridDim.x) f32.
   Chapter 08, last rung. Change from sum_warps: a thread loads four numbers, 16 bytes, at once; the first
   block takes those that are left over. block_sum is the fifth rung as a function, in every thread.
   grid any; block BLOCK, a multiple of 32. Any n; x begins at a multiple of 16 bytes. Reads 4n bytes.
   Reference x.sum(). */
extern "C" __global__ void sum_vector(const float* __restrict__ x, float* __restrict__ parts, unsigned n) {
    __shared__ float scratch[32];
    unsigned first = blockIdx.x * BLOCK + threadIdx.x, threads = gridDim.x * BLOCK, quads = n / 4;
    float sum = 0.0f;
    // YOUR CODE HERE (6 lines); delete this line
    sum = block_sum(sum, scratch);
    if (threadIdx.x == 0) parts[blockIdx.x] = sum;
}
// sealed dfa09c965579b6bc
