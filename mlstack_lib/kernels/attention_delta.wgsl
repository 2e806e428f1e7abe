/* attention_delta: delta = sum_d dout * out, which both backward kernels need; dout, out
   (batch, t, h, d), delta (batch, h, t) f32. Eight threads take a row.
   grid batch * t * h / ROWS rounded up; block 8 * ROWS. Reads 8 d, writes 4 bytes a row.
   Twin attention_delta.cu, part of reference attention_backward. */
// include reduce.wgsl
struct Params { rows: u32, t: u32, h: u32, d: u32 }
@group(0) @binding(0) var<storage, read> dout: array<f32>;
@group(0) @binding(1) var<storage, read> out: array<f32>;
@group(0) @binding(2) var<storage, read_write> delta: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

const BLOCK = 8 * ROWS;

@compute @workgroup_size(BLOCK)
fn attention_delta(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
                   @builtin(local_invocation_index) thread: u32) {
    let lane = thread % 8;
    let row = block_x(group, groups) * ROWS + thread / 8;
    var sum = 0.0;
    if (row < p.rows) {
        for (var i = lane; i < p.d; i += 8) { sum += dout[row * p.d + i] * out[row * p.d + i]; }
    }
    sum = sum_of(8, sum, thread);
    let head = row % p.h;
    let time = row / p.h % p.t;
    let batch = row / p.h / p.t;
    if (lane == 0 && row < p.rows) { delta[(batch * p.h + head) * p.t + time] = sum; }
}
