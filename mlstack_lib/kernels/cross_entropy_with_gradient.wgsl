/* cross_entropy_with_gradient: losses as in cross_entropy_forward, and the gradient in the logits' place:
   logits[i, j] becomes (softmax(logits[i])[j] - [j = targets[i]]) / count[0], 0 in ignored rows.
   logits (n, v) f32, targets (n) i32, count (1) from count_kept, losses (n) f32; their sum is the loss.
   A block takes a row and keeps it in registers, PER_THREAD numbers a thread: one read, one write.
   grid n; block BLOCK, a power of 2; v <= BLOCK * PER_THREAD. Reads 4nv, writes 4nv bytes.
   Twin cross_entropy_with_gradient.cu, reference cross_entropy_with_gradient with overwrite. */
// include reduce.wgsl
struct Params { v: u32, ignore_index: i32 }
@group(0) @binding(0) var<storage, read_write> logits: array<f32>;
@group(0) @binding(1) var<storage, read> targets: array<i32>;
@group(0) @binding(2) var<storage, read> count: array<f32>;
@group(0) @binding(3) var<storage, read_write> losses: array<f32>;
@group(0) @binding(4) var<uniform> p: Params;

@compute @workgroup_size(BLOCK)
fn cross_entropy_with_gradient(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
                               @builtin(local_invocation_index) thread: u32) {
    let row = block_x(group, groups);
    if (row >= arrayLength(&targets)) { return; }
    let begin = row * p.v;
    let token = targets[row];
    var top = LOWEST;
    var sum = 0.0;
    var at_target = 0.0;
    for (var j = thread; j < p.v; j += BLOCK) { top = max(top, logits[begin + j]); }
    top = block_max(top, thread);
    for (var j = thread; j < p.v; j += BLOCK) {
        let z = logits[begin + j] - top;
        if (i32(j) == token) { at_target = z; }
        sum += exp(z);
    }
    sum = block_sum(sum, thread);
    let kept = token != p.ignore_index;
    let share = 1.0 / count[0];
    let factor = select(0.0, share / sum, kept);
    for (var j = thread; j < p.v; j += BLOCK) {  // a thread writes what it alone has read
        let hit = kept && i32(j) == token;
        logits[begin + j] = exp(logits[begin + j] - top) * factor - select(0.0, share, hit);
        if (hit) { losses[row] = (log(sum) - at_target) * share; }
    }
    if (!kept && thread == 0) { losses[row] = 0.0; }
}
