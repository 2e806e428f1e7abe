/* attention_backward_kv: the gradients of the keys and values, into dqkv[:, :, 1] and dqkv[:, :, 2].
   dout (batch, t, h, D); qkv, dqkv (batch, t, 3, h, D); lse, delta (batch, h, t); all f32.
   A block takes ROWS keys of one head and goes through the queries that may look at them: the probabilities
   p are computed again from lse, dp = v dout^T, ds = p (dp - delta), all with a row a key;
   dv = p dout, dk = ds q scale. Each gradient is written once, by one block: no atomics.
   grid (batch * h, t / ROWS rounded up); block THREADS. Any t, D <= 128. Tiles: attention_tile.wgsl.
   Twin attention_backward_kv.cu, reference attention_backward. Dao 2023, arXiv:2307.08691, algorithm 2. */
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

/* Of 4 keys for one query; 0 where the query comes before the key, or is none. */
fn probabilities(scores: vec4f, query: u32, key: u32, head: u32) -> vec4f {
    let seen = key + vec4u(0, 1, 2, 3) <= vec4u(query);
    let all = exp(scores * p.scale - lse[head * p.t + min(query, p.t - 1)]);
    return select(vec4f(), all, seen & vec4<bool>(query < p.t));
}
fn delta_of(query: u32, head: u32) -> f32 { return delta[head * p.t + min(query, p.t - 1)]; }

@compute @workgroup_size(THREADS)
fn attention_backward_kv(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
                         @builtin(local_invocation_index) thread: u32) {
    let ty = thread / WIDE;
    let tx = thread % WIDE;
    let k0 = group.y * ROWS;
    let batch = group.x / p.h;
    let head = group.x % p.h;
    let stride = 3 * p.h * D;
    let begin = batch * p.t * stride + head * D;
    let begin_dout = batch * p.t * p.h * D + head * D;
    let keys = Rows(0, begin + p.h * D, stride, k0);
    let values = Rows(0, begin + 2 * p.h * D, stride, k0);
    let key = k0 + 4 * ty;

    var dk: Results;  // zeros
    var dv: Results;
    for (var q0 = k0 / COLUMNS * COLUMNS; q0 < p.t; q0 += COLUMNS) {
        let queries = Rows(0, begin, stride, q0);
        let douts = Rows(1, begin_dout, p.h * D, q0);
        var s = products(keys, queries, thread);
        var ds = products(values, douts, thread);
        let query = q0 + 4 * tx;
        s[0] = probabilities(s[0], query, key, group.x);
        s[1] = probabilities(s[1], query + 1, key, group.x);
        s[2] = probabilities(s[2], query + 2, key, group.x);
        s[3] = probabilities(s[3], query + 3, key, group.x);
        put_weights(s, thread);
        dv = add_weighted(dv, douts, thread);
        ds[0] = s[0] * (ds[0] - delta_of(query, group.x)) * p.scale;
        ds[1] = s[1] * (ds[1] - delta_of(query + 1, group.x)) * p.scale;
        ds[2] = s[2] * (ds[2] - delta_of(query + 2, group.x)) * p.scale;
        ds[3] = s[3] * (ds[3] - delta_of(query + 3, group.x)) * p.scale;
        put_weights(ds, thread);
        dk = add_weighted(dk, queries, thread);
    }
    store_results(dk, keys, thread);
    store_results(dv, values, thread);
}
