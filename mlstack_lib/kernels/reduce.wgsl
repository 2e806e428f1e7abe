/* Sums and maxima over a block of BLOCK threads, a power of 2, and over neighbours. WGSL has no
   shuffles that every adapter knows, so the numbers meet in workgroup memory. All threads must call these:
   they hold barriers. */
var<workgroup> scratch: array<f32, BLOCK>;

/* The sum over the block, in every thread. */
fn block_sum(value: f32, thread: u32) -> f32 { return sum_of(BLOCK, value, thread); }

/* The sum over each 32 neighbouring threads, in all of them. */
fn row_sum(value: f32, thread: u32) -> f32 { return sum_of(32, value, thread); }

/* The sum over each `width` neighbouring threads, a power of 2, in all of them. */
fn sum_of(width: u32, value: f32, thread: u32) -> f32 {
    workgroupBarrier();  // scratch may still be read from an earlier sum
    scratch[thread] = value;
    workgroupBarrier();
    for (var reach = width / 2; reach > 0; reach /= 2) {
        if (thread % width < reach) { scratch[thread] += scratch[thread + reach]; }
        workgroupBarrier();
    }
    return scratch[thread / width * width];
}

/* The largest of the block, in every thread. */
fn block_max(value: f32, thread: u32) -> f32 {
    workgroupBarrier();
    scratch[thread] = value;
    workgroupBarrier();
    for (var reach = BLOCK / 2; reach > 0; reach /= 2) {
        if (thread < reach) { scratch[thread] = max(scratch[thread], scratch[thread + reach]); }
        workgroupBarrier();
    }
    return scratch[0];
}
