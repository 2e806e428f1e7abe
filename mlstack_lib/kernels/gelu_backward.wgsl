/* gelu_backward: dx = dy * gelu'(x); dy, x, dx (n) f32. Reads 8n, writes 4n bytes.
   grid n / BLOCK rounded up; block BLOCK. Any n. Twin gelu_backward.cu, reference gelu_backward. */
struct Params { n: u32 }
@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(BLOCK)
fn gelu_backward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
                 @builtin(local_invocation_index) thread: u32) {
    let i = block_x(group, groups) * BLOCK + thread;
    if (i >= p.n) { return; }
    let v = x[i];
    let e = exp(-2.0 * gelu_inner(v));
    let s = 1.0 / (1.0 + e);                                         // gelu = v s
    let slope = 2.0 * GELU_SCALE * (1.0 + 3.0 * GELU_CUBE * v * v);  // of 2u
    dx[i] = dy[i] * s * (1.0 + v * (e * s) * slope);                 // e s = 1 - s
}
