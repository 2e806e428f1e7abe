/* linear_forward: y = x weight^T + bias; x (n, k), weight (m, k), bias (m), y (n, m) f32.
   grid (m / BN, n / BM) rounded up; block TILE_THREADS. Tiles: tile.wgsl, TRANS_B. Any sizes.
   Twin linear_forward.cu, reference linear_forward without activation. */
// include squares.wgsl
// include tile.wgsl
struct Params { n: u32, m: u32, k: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<uniform> p: Params;

fn a_at(i: u32) -> f32 { return x[i]; }
fn b_at(i: u32) -> f32 { return weight[i]; }
fn store(at: u32, column: u32, value: f32) { y[at] = value + bias[column]; }

@compute @workgroup_size(TILE_THREADS)
fn linear_forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
                  @builtin(local_invocation_index) thread: u32) {
    let corner = vec2u(group.y * BM, group.x * BN);
    let acc = multiply_tile(corner, vec3u(p.n, p.m, p.k), 0, p.k, thread);
    store_tile(acc, corner, p.n, p.m, 0, thread);
}
