/* softmax_forward: y = exp(x - max) / sum(exp(x - max)) over each row of c numbers; x, y (n, c) f32.
   A block takes a row. grid n; block BLOCK, a power of 2. Reads 4nc from memory (again twice from
   the cache), writes 4nc bytes. Twin softmax_forward.cu, reference softmax_forward. */
// include reduce.wgsl
struct Params { c: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(BLOCK)
fn softmax_forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
                   @builtin(local_invocation_index) thread: u32) {
    let begin = block_x(group, groups) * p.c;
    if (begin >= arrayLength(&y)) { return; }
    var top = LOWEST;
    var sum = 0.0;
    for (var j = thread; j < p.c; j += BLOCK) { top = max(top, x[begin + j]); }
    top = block_max(top, thread);
    for (var j = thread; j < p.c; j += BLOCK) { sum += exp(x[begin + j] - top); }
    let factor = 1.0 / block_sum(sum, thread);
    for (var j = thread; j < p.c; j += BLOCK) { y[begin + j] = exp(x[begin + j] - top) * factor; }
}
