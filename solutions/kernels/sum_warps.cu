/* sum_warps: parts[block] = the sum of this block's share of x; x (n), parts (gridDim.x) f32.
   Chapter 08, fifth rung. Change from sum_many: the lanes of a warp pass their sums from register to
   register; shared memory holds one number a warp, and one barrier is enough.
   grid any; block BLOCK, a multiple of 32. Any n. Reads 4n bytes. Reference x.sum(). */
extern "C" __global__ void sum_warps(const float* __restrict__ x, float* __restrict__ parts, unsigned n) {
    __shared__ float scratch[32];
    unsigned t = threadIdx.x, lane = t % 32, warp = t / 32;
    float sum = 0.0f;
    for (unsigned i = blockIdx.x * BLOCK + t; i < n; i += gridDim.x * BLOCK) sum += x[i];
    // BEGIN SOLUTION
    for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_down_sync(FULL_MASK, sum, offset);
    if (lane == 0) scratch[warp] = sum;
    __syncthreads();
    if (warp > 0) return;
    sum = lane < BLOCK / 32 ? scratch[lane] : 0.0f;
    for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_down_sync(FULL_MASK, sum, offset);
    // END SOLUTION
    if (t == 0) parts[blockIdx.x] = sum;
}
