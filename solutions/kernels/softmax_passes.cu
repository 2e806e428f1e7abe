/* softmax_passes: y = exp(x - max) / sum(exp(x - max)) over each row of c numbers; x, y (n, c) f32.
   Chapter 11, first rung. A block takes a row and goes through it three times: for the maximum, for the sum,
   for the result. grid n; block BLOCK, a multiple of 32. Any c. Reads 12nc, writes 4nc bytes.
   Reference softmax_forward. */
extern "C" __global__ void softmax_passes(const float* __restrict__ x, float* __restrict__ y, unsigned c) {
    __shared__ float scratch[32];
    x += (size_t)blockIdx.x * c;
    y += (size_t)blockIdx.x * c;
    float top = -3.0e38f, sum = 0.0f;
    // BEGIN SOLUTION
    for (unsigned j = threadIdx.x; j < c; j += BLOCK) top = fmaxf(top, x[j]);
    top = block_max(top, scratch);
    for (unsigned j = threadIdx.x; j < c; j += BLOCK) sum += expf(x[j] - top);
    sum = block_sum(sum, scratch);
    for (unsigned j = threadIdx.x; j < c; j += BLOCK) y[j] = expf(x[j] - top) / sum;
    // END SOLUTION
}
