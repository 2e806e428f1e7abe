/* layernorm_forward: y = (x - mean) * rstd * weight + bias over each row of c numbers.
   x, y (n, c); weight, bias (c); mean, rstd (n), for the backward pass; all f32; eps is added to the
   variance. 32 threads take a row, and read it three times, twice from the cache.
   grid n / WARPS rounded up; block 32 * WARPS. Reads 4nc, writes 4nc bytes.
   Twin layernorm_forward.cu, reference layernorm_forward. Ba, Kiros, Hinton 2016. */
// include reduce.wgsl
// include layernorm_row.wgsl
struct Params { n: u32, c: u32, eps: f32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read_write> mean: array<f32>;
@group(0) @binding(5) var<storage, read_write> rstd: array<f32>;
@group(0) @binding(6) var<uniform> p: Params;

fn row_element(at: u32) -> f32 { return x[at]; }

@compute @workgroup_size(BLOCK)
fn layernorm_forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
                     @builtin(local_invocation_index) thread: u32) {
    normalise_row(block_x(group, groups) * WARPS + thread / 32, thread);
}
