/* softmax_backward: dx = y * (dy - sum(dy * y)) over each row of c numbers; dy, y, dx (n, c) f32.
   A block takes a row. grid n; block BLOCK, a multiple of 32. Reads 8nc, writes 4nc bytes.
   Twin softmax_backward.wgsl, reference softmax_backward. */
extern "C" __global__ void softmax_backward(const float* __restrict__ dy, const float* __restrict__ y,
                                            float* __restrict__ dx, unsigned c) {
    __shared__ float scratch[32];
    size_t begin = (size_t)blockIdx.x * c;
    float sum = 0.0f;
    for (unsigned j = threadIdx.x; j < c; j += blockDim.x) sum += dy[begin + j] * y[begin + j];
    sum = block_sum(sum, scratch);
    for (unsigned j = threadIdx.x; j < c; j += blockDim.x)
        dx[begin + j] = y[begin + j] * (dy[begin + j] - sum);
}
