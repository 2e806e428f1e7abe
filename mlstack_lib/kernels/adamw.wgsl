/* adamw: one AdamW update of all parameters; params, grads, m, v (n) f32, state the step state.
   The first n_decay elements shrink by learning_rate * weight_decay; grads are multiplied by
   state[CLIP]; nothing happens once state[HALTED] is set.
   A thread goes through the arrays in steps of the grid. grid any; block BLOCK. Reads 16n, writes 12n
   bytes. Twin adamw.cu, reference adamw. Loshchilov, Hutter 2019, arXiv:1711.05101, algorithm 2. */
struct Params { n: u32, n_decay: u32, beta1: f32, beta2: f32, eps: f32, weight_decay: f32 }
@group(0) @binding(0) var<storage, read> grads: array<f32>;
@group(0) @binding(1) var<storage, read> state: array<f32>;
@group(0) @binding(2) var<storage, read_write> params: array<f32>;
@group(0) @binding(3) var<storage, read_write> m: array<f32>;
@group(0) @binding(4) var<storage, read_write> v: array<f32>;
@group(0) @binding(5) var<uniform> p: Params;

@compute @workgroup_size(BLOCK)
fn adamw(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
         @builtin(local_invocation_index) thread: u32) {
    if (state[HALTED] != 0.0) { return; }
    let lr = state[LEARNING_RATE];
    let threads = groups.x * groups.z * BLOCK;
    for (var i = block_x(group, groups) * BLOCK + thread; i < p.n; i += threads) {
        let g = grads[i] * state[CLIP];
        let mi = m[i] + (1.0 - p.beta1) * (g - m[i]);
        let vi = v[i] + (1.0 - p.beta2) * (g * g - v[i]);
        m[i] = mi;
        v[i] = vi;
        var param = params[i];
        if (i < p.n_decay) { param *= 1.0 - lr * p.weight_decay; }
        params[i] = param - lr / state[BIAS_CORRECTION1] * mi / (sqrt(vi / state[BIAS_CORRECTION2]) + p.eps);
    }
}
