/* embedding_forward: y[i] = weight[idx[i]] (+ positions[i % t]); idx (n) i32, weight (v, c),
   positions (t, c), y (n, c) f32. POSITIONS 0: positions is not read.
   grid n c / BLOCK rounded up; block BLOCK. Twin embedding_forward.cu, reference
   embedding_forward. */
struct Params { n: u32, c: u32, t: u32 }
@group(0) @binding(0) var<storage, read> idx: array<i32>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read> positions: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<uniform> p: Params;

@compute @workgroup_size(BLOCK)
fn embedding_forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
                     @builtin(local_invocation_index) thread: u32) {
    let i = block_x(group, groups) * BLOCK + thread;
    if (i >= p.n * p.c) { return; }
    let row = i / p.c;
    let j = i % p.c;
    var value = weight[u32(idx[row]) * p.c + j];
    if (POSITIONS == 1) { value += positions[(row % p.t) * p.c + j]; }
    y[i] = value;
}
