/* count_kept: count[0] = how many of targets (n) i32 are not ignore_index, at least 1; f32.
   grid 1; block BLOCK, a power of 2. Twin count_kept.cu, part of reference
   cross_entropy_forward. */
// include reduce.wgsl
struct Params { n: u32, ignore_index: i32 }
@group(0) @binding(0) var<storage, read> targets: array<i32>;
@group(0) @binding(1) var<storage, read_write> count: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(BLOCK)
fn count_kept(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
              @builtin(local_invocation_index) thread: u32) {
    var kept = 0.0;
    for (var i = thread; i < p.n; i += BLOCK) { kept += select(0.0, 1.0, targets[i] != p.ignore_index); }
    kept = block_sum(kept, thread);
    if (thread == 0) { count[0] = max(kept, 1.0); }
}
