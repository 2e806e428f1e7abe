/* attention_backward_q: the gradient of the queries, into dqkv[:, :, 0].
   dout (batch, t, h, D); qkv, dqkv (batch, t, 3, h, D); lse, delta (batch, h, t); all f32.
   A block takes ROWS queries of one head and goes through the keys they look at: dq = ds k scale, with ds as
   in attention_backward_kv.
   grid (batch * h, t / ROWS rounded up); block THREADS. Any t, D <= 128. Tiles: attention_tile.wgsl.
   Twin attention_backward_q.cu, reference attention_backward. */
// include squares.wgsl
// include attention_tile.wgsl
struct Params { t: u32, h: u32, scale: f32 }
@group(0) @binding(0) var<storage, read> dout: array<f32>;
@group(0) @binding(1) var<storage, read> qkv: array<f32>;
@group(0) @binding(2) var<storage, read> lse: array<f32>;
@group(0) @binding(3) var<storage, read> delta: array<f32>;
@group(0) @binding(4) var<storage, read_write> dqkv: array<f32>;
@group(0) @binding(5) var<uniform> p: Params;

fn element(array: u32, at: u32) -> f32 {
    if (array == 1) { return dout[at]; }
    return qkv[at];
}
fn store(array: u32, at: u32, value: f32) { dqkv[at] = value; }

/* Of one key for 4 queries; 0 for the queries that come before it. */
fn probabilities(scores: vec4f, row_lse: vec4f, key: u32, query: u32) -> vec4f {
    let seen = vec4u(key) <= query + vec4u(0, 1, 2, 3);
    return select(vec4f(), exp(scores * p.scale - row_lse), seen);
}

@compute @workgroup_size(THREADS)
fn attention_backward_q(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
                        @builtin(local_invocation_index) thread: u32) {
    let ty = thread / WIDE;
    let tx = thread % WIDE;
    let q0 = (groups.y - 1 - group.y) * ROWS;  // the longest rows first
    let batch = group.x / p.h;
    let head = group.x % p.h;
    let stride = 3 * p.h * D;
    let begin = batch * p.t * stride + head * D;
    let queries = Rows(0, begin, stride, q0);
    let douts = Rows(1, batch * p.t * p.h * D + head * D, p.h * D, q0);
    let row = q0 + 4 * ty;
    let at = group.x * p.t + min(vec4u(row, row + 1, row + 2, row + 3), vec4u(p.t - 1));
    let row_lse = vec4f(lse[at.x], lse[at.y], lse[at.z], lse[at.w]);
    let row_delta = vec4f(delta[at.x], delta[at.y], delta[at.z], delta[at.w]);

    var dq: Results;  // zeros
    for (var k0 = 0u; k0 < min(q0 + ROWS, p.t); k0 += COLUMNS) {
        let keys = Rows(0, begin + p.h * D, stride, k0);
        let s = products(queries, keys, thread);
        var ds = products(douts, Rows(0, begin + 2 * p.h * D, stride, k0), thread);
        let key = k0 + 4 * tx;
        ds[0] = probabilities(s[0], row_lse, key, row) * (ds[0] - row_delta) * p.scale;
        ds[1] = probabilities(s[1], row_lse, key + 1, row) * (ds[1] - row_delta) * p.scale;
        ds[2] = probabilities(s[2], row_lse, key + 2, row) * (ds[2] - row_delta) * p.scale;
        ds[3] = probabilities(s[3], row_lse, key + 3, row) * (ds[3] - row_delta) * p.scale;
        put_weights(ds, thread);
        dq = add_weighted(dq, keys, thread);
    }
    store_results(dq, queries, thread);
}
