/* add: y = a + b; a, b, y (n) f32. Reads 8n, writes 4n bytes.
   grid n / block rounded up; block of any size. Any n. Twin add.wgsl, reference add. */
extern "C" __global__ void add(const float* __restrict__ a, const float* __restrict__ b, float* __restrict__ y, unsigned n) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    y[i] = a[i] + b[i];
}
// sealed 3cb9736109e96830
