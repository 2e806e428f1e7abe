/* record: table[state[slot] - 1] = value[0]; value (1), table, state f32.
   grid 1; block 1. Twin record.wgsl, reference record. */
extern "C" __global__ void record(const float* __restrict__ value, const float* __restrict__ state,
                                  float* __restrict__ table, unsigned slot) {
    table[(unsigned)state[slot] - 1] = value[0];
}
