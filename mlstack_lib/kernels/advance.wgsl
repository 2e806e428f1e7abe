/* advance: the schedule's row state[SCHEDULE_ROW], SCHEDULED numbers, goes into the first slots of state;
   then the row is counted. schedule (rows, SCHEDULED), state f32.
   grid 1; block 1. Twin advance.cu, reference advance. */
@group(0) @binding(0) var<storage, read> schedule: array<f32>;
@group(0) @binding(1) var<storage, read_write> state: array<f32>;

@compute @workgroup_size(1)
fn advance() {
    let row = u32(state[SCHEDULE_ROW]);
    for (var i = 0u; i < SCHEDULED; i++) { state[i] = schedule[row * SCHEDULED + i]; }
    state[SCHEDULE_ROW] = f32(row + 1);
}
