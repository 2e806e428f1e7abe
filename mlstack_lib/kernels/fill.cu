/* fill: y = value; y (n) f32. Writes 4n bytes.
   grid n / BLOCK rounded up; block BLOCK. Any n. Twin fill.wgsl, reference fill. */
extern "C" __global__ void fill(float* __restrict__ y, unsigned n, float value) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    y[i] = value;
}
