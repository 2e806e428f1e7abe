/* matmul: c = op(a) op(b), op a transposition or none; op(a) (m, k), op(b) (k, n), c (m, n) f32.
   TRANS_A: a is stored (k, m). TRANS_B: b is stored (n, k). ACCUMULATE: add to c.
   SPLITS > 1: block z takes its share of k and writes c[z], (SPLITS, m, n), to be summed afterwards:
   for weight gradients, which have few elements and a long k.
   grid (n / BN, m / BM, SPLITS) rounded up; block TILE_THREADS. Tiles: tile.wgsl. Any sizes.
   Twin matmul.cu, references matmul, matmul_nt, matmul_tn. */
// include squares.wgsl
// include tile.wgsl
struct Params { m: u32, n: u32, k: u32 }
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> c: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

fn a_at(i: u32) -> f32 { return a[i]; }
fn b_at(i: u32) -> f32 { return b[i]; }
fn store(at: u32, column: u32, value: f32) {
    if (ACCUMULATE == 1) { c[at] += value; } else { c[at] = value; }
}

@compute @workgroup_size(TILE_THREADS)
fn matmul(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) thread: u32) {
    let share = (p.k + SPLITS - 1) / SPLITS;
    let k_begin = min(group.z * share, p.k);
    let corner = vec2u(group.y * BM, group.x * BN);
    let acc = multiply_tile(corner, vec3u(p.m, p.n, p.k), k_begin, min(k_begin + share, p.k), thread);
    store_tile(acc, corner, p.m, p.n, group.z * p.m * p.n, thread);
}
