/* attention_forward: causal attention with an online softmax; the (t, t) scores are never in memory.
   qkv (batch, t, 3, h, D); out (batch, t, h, D); lse (batch, h, t), the logarithm of each softmax's
   denominator, for the backward pass; all f32. A block takes ROWS queries of one head, and goes through the
   keys they may look at, COLUMNS at a time: scores, maximum so far, exponentials; what was added up before is
   scaled down whenever the maximum grows. Rows that are beyond t or masked whole are never written.
   grid (batch * h, t / ROWS rounded up); block THREADS. Any t, D <= 128. Tiles: attention_tile.wgsl.
   Twin attention_forward.cu, reference attention_forward. Dao 2023, arXiv:2307.08691, algorithm 1. */
// include squares.wgsl
// include attention_tile.wgsl
struct Params { t: u32, h: u32, scale: f32 }
@group(0) @binding(0) var<storage, read> qkv: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read_write> lse: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

fn element(array: u32, at: u32) -> f32 { return qkv[at]; }
fn store(array: u32, at: u32, value: f32) { out[at] = value; }

/* The scores of one key and 4 queries, but for the queries that come before it. */
fn masked(scores: vec4f, key: u32, query: u32) -> vec4f {
    return select(vec4f(LOWEST), scores, vec4u(key) <= query + vec4u(0, 1, 2, 3));
}

@compute @workgroup_size(THREADS)
fn attention_forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
                     @builtin(local_invocation_index) thread: u32) {
    let ty = thread / WIDE;
    let tx = thread % WIDE;
    let q0 = (groups.y - 1 - group.y) * ROWS;  // the longest rows first
    let batch = group.x / p.h;
    let head = group.x % p.h;
    let stride = 3 * p.h * D;
    let begin = batch * p.t * stride + head * D;  // the head's first query
    let queries = Rows(0, begin, stride, q0);
    let row = q0 + 4 * ty;

    var acc: Results;  // zeros
    var top = vec4f(LOWEST);
    var total = vec4f();  // of this thread's columns
    for (var k0 = 0u; k0 < min(q0 + ROWS, p.t); k0 += COLUMNS) {
        var s = products(queries, Rows(0, begin + p.h * D, stride, k0), thread);
        let key = k0 + 4 * tx;
        s[0] = masked(s[0] * p.scale, key, row);
        s[1] = masked(s[1] * p.scale, key + 1, row);
        s[2] = masked(s[2] * p.scale, key + 2, row);
        s[3] = masked(s[3] * p.scale, key + 3, row);
        let high = max(top, rows_max(max(max(s[0], s[1]), max(s[2], s[3])), thread));
        s = mat4x4f(exp(s[0] - high), exp(s[1] - high), exp(s[2] - high), exp(s[3] - high));
        let rescale = exp(top - high);
        total = total * rescale + s[0] + s[1] + s[2] + s[3];
        top = high;
        put_weights(s, thread);
        acc = add_weighted(scaled(acc, rescale), Rows(0, begin + 2 * p.h * D, stride, k0), thread);
    }
    total = rows_sum(total, thread);
    store_results(scaled(acc, 1.0 / total), Rows(0, batch * p.t * p.h * D + head * D, p.h * D, q0), thread);
    if (tx == 0) {
        let sums = top + log(total);
        for (var i = 0u; i < 4; i++) {
            if (row + i < p.t) { lse[group.x * p.t + row + i] = sums[i]; }
        }
    }
}
