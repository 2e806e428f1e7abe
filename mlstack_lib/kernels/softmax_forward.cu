/* softmax_forward: y = exp(x - max) / sum(exp(x - max)) over each row of c numbers; x, y (n, c) f32.
   A block takes a row. grid n; block BLOCK, a multiple of 32. Reads 4nc from memory (again twice from
   the cache), writes 4nc bytes. Twin softmax_forward.wgsl, reference softmax_forward. */
extern "C" __global__ void softmax_forward(const float* __restrict__ x, float* __restrict__ y, unsigned c) {
    __shared__ float scratch[32];
    x += (size_t)blockIdx.x * c;
    y += (size_t)blockIdx.x * c;
    float top = -3.0e38f, sum = 0.0f;
    for (unsigned j = threadIdx.x; j < c; j += blockDim.x) top = fmaxf(top, x[j]);
    top = block_max(top, scratch);
    for (unsigned j = threadIdx.x; j < c; j += blockDim.x) sum += expf(x[j] - top);
    float factor = 1.0f / block_sum(sum, scratch);
    for (unsigned j = threadIdx.x; j < c; j += blockDim.x) y[j] = expf(x[j] - top) * factor;
}
