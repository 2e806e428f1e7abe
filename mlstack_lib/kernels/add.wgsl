/* add: y = a + b; a, b, y (n) f32. Reads 8n, writes 4n bytes.
   grid n / BLOCK rounded up; block BLOCK. Any n. Twin add.cu, reference add. */
struct Params { n: u32 }
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(BLOCK)
fn add(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
       @builtin(local_invocation_index) thread: u32) {
    let i = block_x(group, groups) * BLOCK + thread;
    if (i >= p.n) { return; }
    y[i] = a[i] + b[i];
}
