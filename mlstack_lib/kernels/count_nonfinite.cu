/* count_nonfinite: parts[block] = how many numbers of this block's share are NaN or infinite; x (n),
   parts (gridDim.x) f32. Both have all eight bits of the exponent set: no comparison that a compiler may take
   for certain. column_sum adds the parts. grid any; block BLOCK, a multiple of 32. Reads 4n bytes.
   Twin count_nonfinite.wgsl, reference count_nonfinite. */
extern "C" __global__ void count_nonfinite(const float* __restrict__ x, float* __restrict__ parts, unsigned n) {
    __shared__ float scratch[32];
    float count = 0.0f;
    for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
        count += (__float_as_uint(x[i]) & 0x7f800000u) == 0x7f800000u;
    count = block_sum(count, scratch);
    if (threadIdx.x == 0) parts[blockIdx.x] = count;
}
