/* count_batch: one more micro-batch in state[BATCH] and state[DROPOUT]; state f32.
   grid 1; block 1. Twin count_batch.wgsl, part of reference take_batch. */
extern "C" __global__ void count_batch(float* __restrict__ state) {
    state[BATCH] += 1.0f;
    state[DROPOUT] += 1.0f;
}
