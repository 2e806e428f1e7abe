/* copy: y = x; x, y (n) f32. Reads 4n, writes 4n bytes.
   grid n / BLOCK rounded up; block BLOCK. Any n. Twin copy.wgsl, reference copy. */
extern "C" __global__ void copy(const float* __restrict__ x, float* __restrict__ y, unsigned n) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    y[i] = x[i];
}
