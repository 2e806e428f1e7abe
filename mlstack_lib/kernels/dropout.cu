/* dropout: y = x, a share `rate` of it set to 0 and the rest divided by 1 - rate; x, y (n) f32.
   Word i % 4 of pcg4d(i / 4, layer, state[DROPOUT], seed) below `threshold` drops element i: the
   same bits on every device, and in the backward pass. state: the device's step state.
   grid n / 4 / BLOCK rounded up; block BLOCK: four elements a thread. Twin dropout.wgsl, reference
   dropout. Jarzynski, Olano 2020, JCGT 9(3). */
extern "C" __global__ void dropout(const float* __restrict__ x, const float* __restrict__ state,
                                   float* __restrict__ y, unsigned n, unsigned seed, unsigned layer,
                                   unsigned threshold, float kept) {
    unsigned block = blockIdx.x * blockDim.x + threadIdx.x, i = 4 * block;
    if (i >= n) return;
    unsigned w[4] = {block, layer, (unsigned)state[DROPOUT], seed};
    for (int j = 0; j < 4; j++) w[j] = w[j] * 1664525u + 1013904223u;
    for (int round = 0; round < 2; round++) {
        w[0] += w[1] * w[3];
        w[1] += w[2] * w[0];
        w[2] += w[0] * w[1];
        w[3] += w[1] * w[2];
        if (round == 0)
            for (int j = 0; j < 4; j++) w[j] ^= w[j] >> 16;
    }
    for (int j = 0; j < 4; j++)
        if (i + j < n) y[i + j] = w[j] >= threshold ? x[i + j] / kept : 0.0f;
}
