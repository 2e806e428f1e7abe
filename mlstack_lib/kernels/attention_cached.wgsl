/* attention_cached: each of t new tokens, the first at state[POSITION], attends to all up to itself, whose
   keys and values stand in the cache (cache_write comes first).
   qkv (batch, t, 3, h, d), cache (2, batch, h, context, d), out (batch, t, h, d), state f32.
   A block takes one token of one head: a thread a key for the scores, then a thread a number of the value.
   grid (t, batch * h); block BLOCK, a power of 2; context numbers of workgroup memory.
   Twin attention_cached.cu, reference attention_cached. */
// include reduce.wgsl
struct Params { batches: u32, t: u32, h: u32, d: u32, context: u32, scale: f32 }
@group(0) @binding(0) var<storage, read> qkv: array<f32>;
@group(0) @binding(1) var<storage, read> cache: array<f32>;
@group(0) @binding(2) var<storage, read> state: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;
@group(0) @binding(4) var<uniform> p: Params;

var<workgroup> scores: array<f32, SHARED>;  // as many as the cache has places

@compute @workgroup_size(BLOCK)
fn attention_cached(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
                    @builtin(local_invocation_index) thread: u32) {
    let time = group.x;
    let batch = group.y / p.h;
    let head = group.y % p.h;
    let seen = u32(state[POSITION]) + time + 1;
    let q = (batch * p.t + time) * 3 * p.h * p.d + head * p.d;
    let keys = (batch * p.h + head) * p.context * p.d;
    let values = keys + p.batches * p.h * p.context * p.d;
    var top = LOWEST;
    var total = 0.0;
    for (var j = thread; j < seen; j += BLOCK) {
        var sum = 0.0;
        for (var i = 0u; i < p.d; i++) { sum += qkv[q + i] * cache[keys + j * p.d + i]; }
        scores[j] = sum * p.scale;
        top = max(top, scores[j]);
    }
    top = block_max(top, thread);
    for (var j = thread; j < seen; j += BLOCK) {
        scores[j] = exp(scores[j] - top);
        total += scores[j];
    }
    total = block_sum(total, thread);  // its barriers also make the exponentials visible
    for (var i = thread; i < p.d; i += BLOCK) {
        var sum = 0.0;
        for (var j = 0u; j < seen; j++) { sum += scores[j] * cache[values + j * p.d + i]; }
        out[((batch * p.t + time) * p.h + head) * p.d + i] = sum / total;
    }
}
