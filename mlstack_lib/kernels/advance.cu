/* advance: the schedule's row state[SCHEDULE_ROW], SCHEDULED numbers, goes into the first slots of state;
   then the row is counted. schedule (rows, SCHEDULED), state f32.
   grid 1; block 1. Twin advance.wgsl, reference advance. */
extern "C" __global__ void advance(const float* __restrict__ schedule, float* __restrict__ state) {
    unsigned row = (unsigned)state[SCHEDULE_ROW];
    for (unsigned i = 0; i < SCHEDULED; i++) state[i] = schedule[row * SCHEDULED + i];
    state[SCHEDULE_ROW] = row + 1;
}
