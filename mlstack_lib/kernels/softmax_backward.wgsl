/* softmax_backward: dx = y * (dy - sum(dy * y)) over each row of c numbers; dy, y, dx (n, c) f32.
   A block takes a row. grid n; block BLOCK, a power of 2. Reads 8nc, writes 4nc bytes.
   Twin softmax_backward.cu, reference softmax_backward. */
// include reduce.wgsl
struct Params { c: u32 }
@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(BLOCK)
fn softmax_backward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
                    @builtin(local_invocation_index) thread: u32) {
    let begin = block_x(group, groups) * p.c;
    if (begin >= arrayLength(&dx)) { return; }
    var sum = 0.0;
    for (var j = thread; j < p.c; j += BLOCK) { sum += dy[begin + j] * y[begin + j]; }
    sum = block_sum(sum, thread);
    for (var j = thread; j < p.c; j += BLOCK) { dx[begin + j] = y[begin + j] * (dy[begin + j] - sum); }
}
