/* squared_norm: parts[block] = the sum of x * x over this block's share; x (n), parts (gridDim.x) f32.
   The parts are added up by column_sum: the same order every time. grid any; block BLOCK, a multiple of
   32. Reads 4n bytes. Twin squared_norm.wgsl, reference squared_norm. */
extern "C" __global__ void squared_norm(const float* __restrict__ x, float* __restrict__ parts, unsigned n) {
    __shared__ float scratch[32];
    float sum = 0.0f;
    for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
        sum += x[i] * x[i];
    sum = block_sum(sum, scratch);
    if (threadIdx.x == 0) parts[blockIdx.x] = sum;
}
