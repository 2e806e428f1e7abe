/* cache_write: the keys and values of new tokens go into the cache, from state[POSITION] on.
   qkv (batch, t, 3, h, d), cache (2, batch, h, context, d), state f32.
   grid batch * t * 2 * h * d / BLOCK rounded up; block BLOCK. Twin cache_write.cu, part of reference
   attention_cached. */
struct Params { n: u32, batches: u32, t: u32, h: u32, d: u32, context: u32 }
@group(0) @binding(0) var<storage, read> qkv: array<f32>;
@group(0) @binding(1) var<storage, read> state: array<f32>;
@group(0) @binding(2) var<storage, read_write> cache: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(BLOCK)
fn cache_write(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
               @builtin(local_invocation_index) thread: u32) {
    let i = block_x(group, groups) * BLOCK + thread;
    if (i >= p.n) { return; }
    let position = i % p.d;
    let head = i / p.d % p.h;
    let which = i / p.d / p.h % 2;
    let time = i / p.d / p.h / 2 % p.t;
    let batch = i / p.d / p.h / 2 / p.t;
    let row = u32(state[POSITION]) + time;
    let value = qkv[((batch * p.t + time) * 3 + 1 + which) * p.h * p.d + head * p.d + position];
    cache[(((which * p.batches + batch) * p.h + head) * p.context + row) * p.d + position] = value;
}
