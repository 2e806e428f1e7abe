/* take_row: y = table[state[BATCH]]; table (rows, n), y (n) u32 (or any 4 bytes), state f32.
   grid n / BLOCK rounded up; block BLOCK. Twin take_row.cu, part of reference take_batch. */
struct Params { n: u32 }
@group(0) @binding(0) var<storage, read> table: array<u32>;
@group(0) @binding(1) var<storage, read> state: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(BLOCK)
fn take_row(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
            @builtin(local_invocation_index) thread: u32) {
    let i = block_x(group, groups) * BLOCK + thread;
    if (i >= p.n) { return; }
    y[i] = table[u32(state[BATCH]) * p.n + i];
}
