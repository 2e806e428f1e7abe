/* embedding_backward: dweight[v] = the sum of dy[i] over all i with idx[i] = v; dy (n, c) f32,
   idx, order (n) i32, dweight (rows, c) f32. `order` sorts idx, equal tokens in their order: a block
   finds its token's run by bisection and adds it up from front to back, without atomics.
   ACCUMULATE: add to dweight.
   grid rows; block BLOCK. Twin embedding_backward.cu, reference embedding_backward. */
struct Params { n: u32, c: u32 }
@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> idx: array<i32>;
@group(0) @binding(2) var<storage, read> order: array<i32>;
@group(0) @binding(3) var<storage, read_write> dweight: array<f32>;
@group(0) @binding(4) var<uniform> p: Params;

@compute @workgroup_size(BLOCK)
fn embedding_backward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
                      @builtin(local_invocation_index) thread: u32) {
    let token = block_x(group, groups);
    if (token * p.c >= arrayLength(&dweight)) { return; }
    var begin = 0u;
    var end = p.n;
    while (begin < end) {  // the first place in the order whose token is not smaller
        let middle = (begin + end) / 2;
        if (u32(idx[order[middle]]) < token) { begin = middle + 1; } else { end = middle; }
    }
    for (var j = thread; j < p.c; j += BLOCK) {
        var sum = 0.0;
        for (var i = begin; i < p.n; i++) {
            let row = u32(order[i]);
            if (u32(idx[row]) != token) { break; }
            sum += dy[row * p.c + j];
        }
        let at = token * p.c + j;
        if (ACCUMULATE == 1) { sum += dweight[at]; }
        dweight[at] = sum;
    }
}
