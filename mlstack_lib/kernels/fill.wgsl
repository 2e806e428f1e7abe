/* fill: y = value; y (n) f32. Writes 4n bytes.
   grid n / BLOCK rounded up; block BLOCK. Any n. Twin fill.cu, reference fill. */
struct Params { n: u32, value: f32 }
@group(0) @binding(0) var<storage, read_write> y: array<f32>;
@group(0) @binding(1) var<uniform> p: Params;

@compute @workgroup_size(BLOCK)
fn fill(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) thread: u32) {
    let i = block_x(group, groups) * BLOCK + thread;
    if (i >= p.n) { return; }
    y[i] = p.value;
}
