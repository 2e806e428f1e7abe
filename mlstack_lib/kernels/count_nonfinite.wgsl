/* count_nonfinite: parts[block] = how many numbers of this block's share are NaN or infinite; x (n),
   parts (number of blocks) f32. Both have all eight bits of the exponent set: no comparison that a compiler may take
   for certain. column_sum adds the parts. grid any; block BLOCK, a power of 2. Reads 4n bytes.
   Twin count_nonfinite.cu, reference count_nonfinite. */
// include reduce.wgsl
struct Params { n: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> parts: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(BLOCK)
fn count_nonfinite(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
                   @builtin(local_invocation_index) thread: u32) {
    var count = 0.0;
    for (var i = group.x * BLOCK + thread; i < p.n; i += groups.x * BLOCK) {
        count += select(0.0, 1.0, (bitcast<u32>(x[i]) & 0x7f800000u) == 0x7f800000u);
    }
    count = block_sum(count, thread);
    if (thread == 0) { parts[group.x] = count; }
}
