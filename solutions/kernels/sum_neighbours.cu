/* sum_neighbours: parts[block] = the sum of this block's BLOCK numbers of x; x (n), parts (gridDim.x) f32.
   Chapter 08, second rung. A tree in shared memory that adds neighbours first: 1 apart, then 2, 4, ...
   The same launch over the parts adds those. grid n / BLOCK rounded up; block BLOCK, a power of 2. Any n.
   Reads 4n bytes. Reference x.sum(). */
extern "C" __global__ void sum_neighbours(const float* __restrict__ x, float* __restrict__ parts, unsigned n) {
    __shared__ float scratch[BLOCK];
    unsigned t = threadIdx.x, i = blockIdx.x * BLOCK + t;
    scratch[t] = i < n ? x[i] : 0.0f;
    __syncthreads();
    for (unsigned apart = 1; apart < BLOCK; apart *= 2) {
        if (t % (2 * apart) == 0) scratch[t] += scratch[t + apart];
        __syncthreads();
    }
    if (t == 0) parts[blockIdx.x] = scratch[0];
}
