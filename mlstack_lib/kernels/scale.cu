/* scale: y = x * factor[0]; x, y (n) f32, factor (1) f32. Reads 4n, writes 4n bytes.
   grid n / BLOCK rounded up; block BLOCK. Any n. Twin scale.wgsl, reference scale. */
extern "C" __global__ void scale(const float* __restrict__ x, const float* __restrict__ factor, float* __restrict__ y, unsigned n) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    y[i] = x[i] * factor[0];
}
