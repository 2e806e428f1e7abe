/* attention_cached: each of t new tokens, the first at state[POSITION], attends to all up to itself, whose
   keys and values stand in the cache (cache_write comes first).
   qkv (batch, t, 3, h, d), cache (2, batch, h, context, d), out (batch, t, h, d), state f32.
   A block takes one token of one head: a warp a key for the scores, a thread a number of the value.
   grid (t, batch * h); block BLOCK, a multiple of 32; dynamic shared memory context numbers.
   Twin attention_cached.wgsl, reference attention_cached. */
extern "C" __global__ void attention_cached(const float* __restrict__ qkv, const float* __restrict__ cache,
                                            const float* __restrict__ state, float* __restrict__ out,
                                            unsigned batches, unsigned t, unsigned h, unsigned d,
                                            unsigned context, float scale) {
    extern __shared__ float scores[];
    __shared__ float scratch[32];
    unsigned lane = threadIdx.x % 32, time = blockIdx.x, batch = blockIdx.y / h, head = blockIdx.y % h;
    unsigned seen = (unsigned)state[POSITION] + time + 1;
    const float* q = qkv + ((size_t)batch * t + time) * 3 * h * d + head * d;
    const float* keys = cache + ((size_t)batch * h + head) * context * d;
    const float* values = keys + (size_t)batches * h * context * d;
    for (unsigned j = threadIdx.x / 32; j < seen; j += blockDim.x / 32) {
        float sum = 0.0f;
        for (unsigned i = lane; i < d; i += 32) sum += q[i] * keys[(size_t)j * d + i];
        sum = warp_sum(sum) * scale;
        if (lane == 0) scores[j] = sum;
    }
    __syncthreads();
    float top = -3.0e38f, total = 0.0f;
    for (unsigned j = threadIdx.x; j < seen; j += blockDim.x) top = fmaxf(top, scores[j]);
    top = block_max(top, scratch);
    for (unsigned j = threadIdx.x; j < seen; j += blockDim.x) {
        scores[j] = expf(scores[j] - top);
        total += scores[j];
    }
    total = block_sum(total, scratch);  // its barriers also make the exponentials visible
    for (unsigned i = threadIdx.x; i < d; i += blockDim.x) {
        float sum = 0.0f;
        for (unsigned j = 0; j < seen; j++) sum += scores[j] * values[(size_t)j * d + i];
        out[(((size_t)batch * t + time) * h + head) * d + i] = sum / total;
    }
}
