/* column_sum: y[part] = the sum over this part's rows of x; x (n, c), y (parts, c) f32.
   Two launches make a whole sum: many parts, then their sum as one part, always in one order.
   grid (c / 32 rounded up, parts); block (32, ROWS): 32 threads read 32 neighbouring columns.
   ACCUMULATE: add to y. Reads 4nc bytes. Twin column_sum.cu, reference column_sum. */
struct Params { n: u32, c: u32, rows_of_part: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;

var<workgroup> sums: array<f32, 32 * ROWS>;

@compute @workgroup_size(32, ROWS)
fn column_sum(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
              @builtin(local_invocation_index) thread: u32) {
    let column = block_x(group, groups) * 32 + thread % 32;
    let part = group.y;
    let begin = part * p.rows_of_part;
    let end = min(begin + p.rows_of_part, p.n);
    var sum = 0.0;
    if (column < p.c) {
        for (var row = begin + thread / 32; row < end; row += ROWS) { sum += x[row * p.c + column]; }
    }
    sums[thread] = sum;
    workgroupBarrier();
    if (thread >= 32 || column >= p.c) { return; }
    for (var i = 1u; i < ROWS; i++) { sum += sums[thread + 32 * i]; }
    let at = part * p.c + column;
    if (ACCUMULATE == 1) { sum += y[at]; }
    y[at] = sum;
}
