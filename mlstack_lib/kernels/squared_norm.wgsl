/* squared_norm: parts[block] = the sum of x * x over this block's share; x (n), parts (number of blocks) f32.
   The parts are added up by column_sum: the same order every time. grid any; block BLOCK, a power
   of 2. Reads 4n bytes. Twin squared_norm.cu, reference squared_norm. */
// include reduce.wgsl
struct Params { n: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> parts: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(BLOCK)
fn squared_norm(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
                @builtin(local_invocation_index) thread: u32) {
    var sum = 0.0;
    for (var i = group.x * BLOCK + thread; i < p.n; i += groups.x * BLOCK) { sum += x[i] * x[i]; }
    sum = block_sum(sum, thread);
    if (thread == 0) { parts[group.x] = sum; }
}
