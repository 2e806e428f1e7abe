/* softmax_online: y = exp(x - max) / sum(exp(x - max)) over each row of c numbers; x, y (n, c) f32.
   Chapter 11, second rung. Change from softmax_passes: maximum and sum in one pass; whenever a larger number
   comes, the sum so far is scaled down to it. grid n; block BLOCK, a multiple of 32. Any c. Reads 8nc, writes
   4nc bytes. Reference softmax_forward. Milakov, Gimelshein 2018, arXiv:1805.02867, algorithm 3. */
extern "C" __global__ void softmax_online(const float* __restrict__ x, float* __restrict__ y, unsigned c) {
    __shared__ float scratch[32];
    x += (size_t)blockIdx.x * c;
    y += (size_t)blockIdx.x * c;
    float mine = -3.0e38f, sum = 0.0f;  // the largest of the numbers that this thread has seen, and their sum
    float top = 0.0f;                   // the largest of the row
    for (unsigned j = threadIdx.x; j < c; j += BLOCK) {
        // BEGIN SOLUTION
        float larger = fmaxf(mine, x[j]);
        sum = sum * expf(mine - larger) + expf(x[j] - larger);
        mine = larger;
        // END SOLUTION
    }
    // BEGIN SOLUTION
    top = block_max(mine, scratch);
    sum = block_sum(sum * expf(mine - top), scratch);
    // END SOLUTION
    for (unsigned j = threadIdx.x; j < c; j += BLOCK) y[j] = expf(x[j] - top) / sum;
}
