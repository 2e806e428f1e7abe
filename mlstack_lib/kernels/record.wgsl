/* record: table[state[slot] - 1] = value[0]; value (1), table, state f32.
   grid 1; block 1. Twin record.cu, reference record. */
struct Params { slot: u32 }
@group(0) @binding(0) var<storage, read> value: array<f32>;
@group(0) @binding(1) var<storage, read> state: array<f32>;
@group(0) @binding(2) var<storage, read_write> table: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(1)
fn record() {
    table[u32(state[p.slot]) - 1] = value[0];
}
