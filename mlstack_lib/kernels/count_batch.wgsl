/* count_batch: one more micro-batch in state[BATCH] and state[DROPOUT]; state f32.
   grid 1; block 1. Twin count_batch.cu, part of reference take_batch. */
@group(0) @binding(0) var<storage, read_write> state: array<f32>;

@compute @workgroup_size(1)
fn count_batch() {
    state[BATCH] += 1.0;
    state[DROPOUT] += 1.0;
}
