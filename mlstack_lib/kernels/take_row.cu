/* take_row: y = table[state[BATCH]]; table (rows, n), y (n) u32 (or any 4 bytes), state f32.
   grid n / BLOCK rounded up; block BLOCK. Twin take_row.wgsl, part of reference take_batch. */
extern "C" __global__ void take_row(const unsigned* __restrict__ table, const float* __restrict__ state,
                                    unsigned* __restrict__ y, unsigned n) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    y[i] = table[(size_t)state[BATCH] * n + i];
}
