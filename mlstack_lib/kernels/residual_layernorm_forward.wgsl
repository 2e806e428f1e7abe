/* residual_layernorm_forward: residual = x + delta, and y its layernorm over each row of c numbers.
   x, delta, residual, y (n, c); weight, bias (c); mean, rstd (n), for the backward pass; all f32; eps is
   added to the variance. 32 threads take a row.
   grid n / WARPS rounded up; block 32 * WARPS. Reads 8nc, writes 8nc bytes.
   Twin residual_layernorm_forward.cu, reference residual_layernorm_forward. */
// include reduce.wgsl
// include layernorm_row.wgsl
struct Params { n: u32, c: u32, eps: f32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> delta: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> residual: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;
@group(0) @binding(6) var<storage, read_write> mean: array<f32>;
@group(0) @binding(7) var<storage, read_write> rstd: array<f32>;
@group(0) @binding(8) var<uniform> p: Params;

fn row_element(at: u32) -> f32 { return residual[at]; }

@compute @workgroup_size(BLOCK)
fn residual_layernorm_forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
                              @builtin(local_invocation_index) thread: u32) {
    let row = block_x(group, groups) * WARPS + thread / 32;
    if (row < p.n) {
        for (var j = thread % 32; j < p.c; j += 32) {
            residual[row * p.c + j] = x[row * p.c + j] + delta[row * p.c + j];
        }
    }
    normalise_row(row, thread);  // each thread reads what it wrote itself
}
