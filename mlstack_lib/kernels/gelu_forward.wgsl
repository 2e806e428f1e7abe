/* gelu_forward: y = gelu(x), the tanh form; x, y (n) f32. Reads 4n, writes 4n bytes.
   grid n / BLOCK rounded up; block BLOCK. Any n. Twin gelu_forward.cu, reference gelu_forward. */
struct Params { n: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(BLOCK)
fn gelu_forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
                @builtin(local_invocation_index) thread: u32) {
    let i = block_x(group, groups) * BLOCK + thread;
    if (i >= p.n) { return; }
    y[i] = gelu(x[i]);
}
