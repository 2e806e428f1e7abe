/* softmax_forward: y = exp(x - max) / sum(exp(x - max)) over each row of c numbers; x, y (n, c) f32.
   A block takes a row and keeps it in registers, PER_THREAD numbers a thread: one read, one write.
   grid n; block BLOCK, a multiple of 32; c <= BLOCK * PER_THREAD; VECTOR: see softmax_row.cuh. Reads 4nc,
   writes 4nc bytes. Chapter 11, third rung. Twin softmax_forward.wgsl, reference softmax_forward. */
#include "softmax_row.cuh"

extern "C" __global__ void __launch_bounds__(BLOCK)
    softmax_forward(const float* __restrict__ x, float* __restrict__ y, unsigned c) {
    __shared__ float scratch[32];
    x += (size_t)blockIdx.x * c;
    y += (size_t)blockIdx.x * c;
    float z[PER_THREAD], top = LOWEST, sum = 0.0f;
    load_row(z, x, c);
    // YOUR CODE HERE (11 lines); delete this line
    store_row(y, z, c);
}
// sealed 222200cc106b193d
