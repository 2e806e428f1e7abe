/* layernorm_backward: dx, and per block a part of dweight and dbias, of y = xhat * weight + bias.
   g = dy * weight; dx = rstd * (g - mean(g) - xhat * mean(g * xhat)) (+ dresidual with RESIDUAL 1; with
   0 it is not read). dresidual, dy, x, dx (n, c); weight (c); mean, rstd (n);
   parts (grid, 2, c): sums of dy * xhat and of dy over this block's rows, to be added up by
   column_sum, always in one order. 32 threads take every (grid * WARPS)-th row.
   grid any; block 32 * WARPS. Reads 8nc (12nc), as much again from the cache, writes 4nc bytes.
   Twin layernorm_backward.cu, references layernorm_backward, residual_layernorm_backward. */
// include reduce.wgsl
struct Params { n: u32, c: u32 }
@group(0) @binding(0) var<storage, read> dresidual: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> weight: array<f32>;
@group(0) @binding(4) var<storage, read> mean: array<f32>;
@group(0) @binding(5) var<storage, read> rstd: array<f32>;
@group(0) @binding(6) var<storage, read_write> dx: array<f32>;
@group(0) @binding(7) var<storage, read_write> parts: array<f32>;
@group(0) @binding(8) var<uniform> p: Params;

const BLOCK = 32 * WARPS;

fn xhat(row: u32, j: u32) -> f32 { return (x[row * p.c + j] - mean[row]) * rstd[row]; }

@compute @workgroup_size(BLOCK)
fn layernorm_backward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
                      @builtin(local_invocation_index) thread: u32) {
    let lane = thread % 32;
    for (var first = group.x * WARPS; first < p.n; first += groups.x * WARPS) {
        let row = first + thread / 32;
        let begin = row * p.c;
        let end = select(0u, p.c, row < p.n);
        var sum_g = 0.0;
        var sum_gx = 0.0;
        for (var j = lane; j < end; j += 32) {
            let g = dy[begin + j] * weight[j];
            sum_g += g;
            sum_gx += g * xhat(row, j);
        }
        sum_g = row_sum(sum_g, thread) / f32(p.c);
        sum_gx = row_sum(sum_gx, thread) / f32(p.c);
        for (var j = lane; j < end; j += 32) {
            var value = rstd[row] * (dy[begin + j] * weight[j] - sum_g - xhat(row, j) * sum_gx);
            if (RESIDUAL == 1) { value += dresidual[begin + j]; }
            dx[begin + j] = value;
        }
    }
    for (var j = thread; j < p.c; j += BLOCK) {  // now a thread a column, over the same rows
        var dweight = 0.0;
        var dbias = 0.0;
        for (var first = group.x * WARPS; first < p.n; first += groups.x * WARPS) {
            for (var row = first; row < min(first + WARPS, p.n); row++) {
                let d = dy[row * p.c + j];
                dweight += d * xhat(row, j);
                dbias += d;
            }
        }
        parts[group.x * 2 * p.c + j] = dweight;
        parts[(group.x * 2 + 1) * p.c + j] = dbias;
    }
}
