/* cross_entropy_forward: losses[i] = -log softmax(logits[i])[targets[i]] / count[0], 0 for ignored rows.
   logits (n, v) f32, targets (n) i32, count (1) from count_kept, losses (n) f32; their sum is the loss.
   A block takes a row. grid n; block BLOCK, a power of 2. Reads 4nv bytes.
   Twin cross_entropy_forward.cu, reference cross_entropy_forward. */
// include reduce.wgsl
struct Params { v: u32, ignore_index: i32 }
@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> targets: array<i32>;
@group(0) @binding(2) var<storage, read> count: array<f32>;
@group(0) @binding(3) var<storage, read_write> losses: array<f32>;
@group(0) @binding(4) var<uniform> p: Params;

@compute @workgroup_size(BLOCK)
fn cross_entropy_forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
                         @builtin(local_invocation_index) thread: u32) {
    let row = block_x(group, groups);
    if (row >= arrayLength(&targets)) { return; }
    let begin = row * p.v;
    let target_token = targets[row];
    var top = LOWEST;
    var sum = 0.0;
    for (var j = thread; j < p.v; j += BLOCK) { top = max(top, logits[begin + j]); }
    top = block_max(top, thread);
    for (var j = thread; j < p.v; j += BLOCK) { sum += exp(logits[begin + j] - top); }
    sum = block_sum(sum, thread);
    if (thread > 0) { return; }
    losses[row] = 0.0;
    if (target_token != p.ignore_index) {
        losses[row] = (log(sum) + top - logits[begin + u32(target_token)]) / count[0];
    }
}
