/* squared_norm: parts[block] = the sum of x * x over this block's share; x (n), parts (gridDim.x) f32.
   The parts are added up by column_sum: the same order every time. 16 bytes a load; the first threads take
   those that are left over. grid any; block BLOCK, a multiple of 32; x begins at a multiple of 16 bytes.
   Reads 4n bytes. Twin squared_norm.wgsl, reference squared_norm. */
extern "C" __global__ void squared_norm(const float* __restrict__ x, float* __restrict__ parts, unsigned n) {
    __shared__ float scratch[32];
    unsigned first = blockIdx.x * BLOCK + threadIdx.x, threads = gridDim.x * BLOCK, quads = n / 4;
    float sum = 0.0f;
    for (unsigned i = first; i < quads; i += threads) {
        float4 v = ((const float4*)x)[i];
        sum += (v.x * v.x + v.y * v.y) + (v.z * v.z + v.w * v.w);
    }
    if (4 * quads + first < n) sum += x[4 * quads + first] * x[4 * quads + first];
    sum = block_sum(sum, scratch);
    if (threadIdx.x == 0) parts[blockIdx.x] = sum;
}
// sealed 232938ecd49e2084
