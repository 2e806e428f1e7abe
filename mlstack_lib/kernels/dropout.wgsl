/* dropout: y = x, a share `rate` of it set to 0 and the rest divided by 1 - rate; x, y (n) f32.
   Word i % 4 of pcg4d(i / 4, layer, state[DROPOUT], seed) below `threshold` drops element i: the
   same bits on every device, and in the backward pass. state: the device's step state.
   grid n / 4 / BLOCK rounded up; block BLOCK: four elements a thread. Twin dropout.cu, reference
   dropout. Jarzynski, Olano 2020, JCGT 9(3). */
struct Params { n: u32, seed: u32, layer: u32, threshold: u32, kept: f32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> state: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(BLOCK)
fn dropout(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
           @builtin(local_invocation_index) thread: u32) {
    let i = block_x(group, groups) * BLOCK + thread;
    let first = 4 * i;
    if (first >= p.n) { return; }
    var w = vec4u(i, p.layer, u32(state[DROPOUT]), p.seed) * 1664525u + 1013904223u;
    w.x += w.y * w.w;
    w.y += w.z * w.x;
    w.z += w.x * w.y;
    w.w += w.y * w.z;
    w ^= w >> vec4u(16);
    w.x += w.y * w.w;
    w.y += w.z * w.x;
    w.z += w.x * w.y;
    w.w += w.y * w.z;
    for (var j = 0u; j < 4u; j++) {
        if (first + j < p.n) { y[first + j] = select(0.0, x[first + j] / p.kept, w[j] >= p.threshold); }
    }
}
