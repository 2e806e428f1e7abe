/* sgd: one update by gradient descent with momentum; params, grads, m (n) f32, state the step state.
   g = grads * state[CLIP] + weight_decay * params (first n_decay elements); m = momentum * m + g;
   params -= learning_rate * m. Nothing happens once state[HALTED] is set.
   grid n / BLOCK rounded up; block BLOCK. Reads 12n, writes 8n bytes. Twin sgd.cu, reference sgd. */
struct Params { n: u32, n_decay: u32, momentum: f32, weight_decay: f32 }
@group(0) @binding(0) var<storage, read> grads: array<f32>;
@group(0) @binding(1) var<storage, read> state: array<f32>;
@group(0) @binding(2) var<storage, read_write> params: array<f32>;
@group(0) @binding(3) var<storage, read_write> m: array<f32>;
@group(0) @binding(4) var<uniform> p: Params;

@compute @workgroup_size(BLOCK)
fn sgd(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
       @builtin(local_invocation_index) thread: u32) {
    let i = block_x(group, groups) * BLOCK + thread;
    if (i >= p.n || state[HALTED] != 0.0) { return; }
    var g = grads[i] * state[CLIP];
    if (i < p.n_decay) { g += p.weight_decay * params[i]; }
    let mi = p.momentum * m[i] + g;
    m[i] = mi;
    params[i] -= state[LEARNING_RATE] * mi;
}
