/* gelu_forward: y = gelu(x), the tanh form; x, y (n) f32. Reads 4n, writes 4n bytes.
   grid n / BLOCK rounded up; block BLOCK. Any n. Twin gelu_forward.wgsl, reference gelu_forward. */
extern "C" __global__ void gelu_forward(const float* __restrict__ x, float* __restrict__ y, unsigned n) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    y[i] = gelu(x[i]);
}
