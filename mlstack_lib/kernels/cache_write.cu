/* cache_write: the keys and values of new tokens go into the cache, from state[POSITION] on.
   qkv (batch, t, 3, h, d), cache (2, batch, h, context, d), state f32.
   grid batch * t * 2 * h * d / BLOCK rounded up; block BLOCK. Twin cache_write.wgsl, part of reference
   attention_cached. */
extern "C" __global__ void cache_write(const float* __restrict__ qkv, const float* __restrict__ state,
                                       float* __restrict__ cache, unsigned n, unsigned batches, unsigned t,
                                       unsigned h, unsigned d, unsigned context) {
    unsigned e = blockIdx.x * blockDim.x + threadIdx.x;
    if (e >= n) return;
    unsigned i = e % d, head = e / d % h, which = e / d / h % 2, time = e / d / h / 2 % t;
    unsigned batch = e / d / h / 2 / t, position = (unsigned)state[POSITION] + time;
    float value = qkv[(((size_t)batch * t + time) * 3 + 1 + which) * h * d + head * d + i];
    cache[((((size_t)which * batches + batch) * h + head) * context + position) * d + i] = value;
}
