/* gelu_backward: dx = dy * gelu'(x); dy, x, dx (n) f32. Reads 8n, writes 4n bytes.
   grid n / BLOCK rounded up; block BLOCK. Any n. Twin gelu_backward.wgsl, reference gelu_backward. */
extern "C" __global__ void gelu_backward(const float* __restrict__ dy, const float* __restrict__ x,
                                         float* __restrict__ dx, unsigned n) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    float v = x[i], e = expf(-2.0f * gelu_inner(v)), s = 1.0f / (1.0f + e);  // gelu = v s
    float slope = 2.0f * GELU_SCALE * (1.0f + 3.0f * GELU_CUBE * v * v);     // of 2u
    dx[i] = dy[i] * s * (1.0f + v * (e * s) * slope);                        // e s = 1 - s
}
