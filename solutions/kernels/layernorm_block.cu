/* layernorm_block: y = (x - mean) * rstd * weight + bias over each row of c numbers. Chapter 10, rung v2.
   Arguments and reference as layernorm_thread. grid n; block BLOCK, a multiple of 32: a block takes a row.
   Change from v1: neighbours read neighbours; the sums are the block's, by block_sum of common.cuh.
   At least 8nc bytes; asks for 12nc and writes 4nc. */
extern "C" __global__ void layernorm_block(const float* __restrict__ x, const float* __restrict__ weight,
                                           const float* __restrict__ bias, float* __restrict__ y,
                                           float* __restrict__ mean, float* __restrict__ rstd, unsigned n,
                                           unsigned c, float eps) {
    __shared__ float scratch[32];
    unsigned row = blockIdx.x, t = threadIdx.x;
    size_t begin = (size_t)row * c;
    float sum = 0.0f, squares = 0.0f, mu, r;
    // BEGIN SOLUTION
    for (unsigned j = t; j < c; j += BLOCK) sum += x[begin + j];
    mu = block_sum(sum, scratch) / c;
    for (unsigned j = t; j < c; j += BLOCK) squares += (x[begin + j] - mu) * (x[begin + j] - mu);
    r = rsqrtf(block_sum(squares, scratch) / c + eps);
    for (unsigned j = t; j < c; j += BLOCK) y[begin + j] = (x[begin + j] - mu) * r * weight[j] + bias[j];
    // END SOLUTION
    if (t == 0) {
        mean[row] = mu;
        rstd[row] = r;
    }
}
