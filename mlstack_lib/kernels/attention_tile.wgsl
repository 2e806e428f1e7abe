/* What the attention kernels share. A block owns ROWS rows of one head (queries, or keys) and goes through
   COLUMNS others at a time. It is 16 threads high and WIDE wide: thread (ty, tx) has a square of 4 x 4 scores,
   rows 4 ty and columns 4 tx and on, and of the results the same rows and columns 4 (tx + WIDE c) and on.
   WebGPU gives 16 KiB of workgroup memory, too little for the tiles of the CUDA twin: here the D numbers of
   each head pass through it in slices. In registers whatever stays: squares, rows in a vector.
   The kernel says where rows are, element(array, at), and where results go, store(array, at, value).
   All threads must call what holds barriers: products, add_weighted, rows_max, rows_sum. */

const WIDE = COLUMNS / 4;
const HIGH = ROWS / 4;
const THREADS = WIDE * HIGH;
const SLICE = 16u;  // of D, at a time, for products
const D4 = (D + 3) / 4;
const PASS = 8 * (1 + (64 / D + 63) / 64 + 2 * ((32 / D + 31) / 32));  // rows at a time, for results
const_assert ROWS == 64 && COLUMNS == 32 && D <= 128;

var<workgroup> slice: array<vec4f, SLICE * ROWS / 4>;          // of the block's own rows; or rows to be summed
var<workgroup> slice_other: array<vec4f, SLICE * COLUMNS / 4>;
var<workgroup> weights: array<vec4f, COLUMNS * ROWS / 4>;      // a vector of 4 rows for each column
var<workgroup> meeting: array<vec4f, WIDE * HIGH>;

/* Rows of D numbers in an array: row r is at begin + r * stride; of interest from `first` on. */
struct Rows { array: u32, begin: u32, stride: u32, first: u32 }

/* A thread's results, 4 rows x 4 columns each; those beyond D are never stored. */
struct Results { s0: mat4x4f, s1: mat4x4f, s2: mat4x4f, s3: mat4x4f }

/* 4 numbers of a row, from d on; zeros beyond D and for rows beyond t. */
fn vector_of(rows: Rows, row: u32, d: u32) -> vec4f {
    let at = rows.begin + row * rows.stride + d;
    let count = select(0u, count4(d, D), row < p.t);
    return vec4f(select(0.0, element(rows.array, at), count > 0), select(0.0, element(rows.array, at + 1), count > 1),
                 select(0.0, element(rows.array, at + 2), count > 2),
                 select(0.0, element(rows.array, at + 3), count > 3));
}

/* 4 x 4 numbers: 4 rows from `row` on, turned, so that each column holds them for one d. */
fn square_of(rows: Rows, row: u32, d: u32) -> mat4x4f {
    return transpose(mat4x4f(vector_of(rows, row, d), vector_of(rows, row + 1, d), vector_of(rows, row + 2, d),
                             vector_of(rows, row + 3, d)));
}

/* The products of the thread's 4 rows of `own` with its 4 of `other`; a column for each of `other`. */
fn products(own: Rows, other: Rows, thread: u32) -> mat4x4f {
    let ty = thread / WIDE;
    let tx = thread % WIDE;
    var s: mat4x4f;  // zeros
    for (var d0 = 0u; d0 < D; d0 += SLICE) {
        let d = thread % (SLICE / 4) * 4;
        let row = thread / (SLICE / 4);
        if (row < HIGH) {
            let square = square_of(own, own.first + 4 * row, d0 + d);
            slice[d * HIGH + row] = square[0];
            slice[(d + 1) * HIGH + row] = square[1];
            slice[(d + 2) * HIGH + row] = square[2];
            slice[(d + 3) * HIGH + row] = square[3];
        } else if (row < HIGH + WIDE) {
            let square = square_of(other, other.first + 4 * (row - HIGH), d0 + d);
            slice_other[d * WIDE + row - HIGH] = square[0];
            slice_other[(d + 1) * WIDE + row - HIGH] = square[1];
            slice_other[(d + 2) * WIDE + row - HIGH] = square[2];
            slice_other[(d + 3) * WIDE + row - HIGH] = square[3];
        }
        workgroupBarrier();
        for (var i = 0u; i < SLICE; i += 4) {  // by fours: no WGSL compiler unrolls
            s = add_outer(s, slice[i * HIGH + ty], slice_other[i * WIDE + tx]);
            s = add_outer(s, slice[(i + 1) * HIGH + ty], slice_other[(i + 1) * WIDE + tx]);
            s = add_outer(s, slice[(i + 2) * HIGH + ty], slice_other[(i + 2) * WIDE + tx]);
            s = add_outer(s, slice[(i + 3) * HIGH + ty], slice_other[(i + 3) * WIDE + tx]);
        }
        workgroupBarrier();
    }
    return s;
}

/* Leave the thread's square of weights for all that have the same rows; add_weighted comes next. */
fn put_weights(square: mat4x4f, thread: u32) {
    let first = thread % WIDE * 4 * HIGH + thread / WIDE;
    weights[first] = square[0];
    weights[first + HIGH] = square[1];
    weights[first + 2 * HIGH] = square[2];
    weights[first + 3 * HIGH] = square[3];
}

/* acc + weights times COLUMNS rows. */
fn add_weighted(acc: Results, rows: Rows, thread: u32) -> Results {
    var sum = acc;
    let ty = thread / WIDE;
    let tx = thread % WIDE;
    for (var r0 = 0u; r0 < COLUMNS; r0 += PASS) {
        for (var e = thread; e < PASS * D4; e += THREADS) {
            slice[e] = vector_of(rows, rows.first + r0 + e / D4, e % D4 * 4);
        }
        workgroupBarrier();
        for (var r = 0u; r < PASS; r++) {
            let weight = weights[(r0 + r) * HIGH + ty];
            sum.s0 = add_outer(sum.s0, weight, slice[r * D4 + tx]);
            if (D4 > WIDE) { sum.s1 = add_outer(sum.s1, weight, slice[r * D4 + WIDE + tx]); }
            if (D4 > 2 * WIDE) { sum.s2 = add_outer(sum.s2, weight, slice[r * D4 + 2 * WIDE + tx]); }
            if (D4 > 3 * WIDE) { sum.s3 = add_outer(sum.s3, weight, slice[r * D4 + 3 * WIDE + tx]); }
        }
        workgroupBarrier();
    }
    return sum;
}

/* Each row times a number of its own. */
fn scaled(results: Results, by: vec4f) -> Results {
    return Results(scaled_square(results.s0, by), scaled_square(results.s1, by), scaled_square(results.s2, by),
                   scaled_square(results.s3, by));
}
fn scaled_square(s: mat4x4f, by: vec4f) -> mat4x4f { return mat4x4f(s[0] * by, s[1] * by, s[2] * by, s[3] * by); }

/* The largest, or the sum, over the WIDE threads that have the same rows. */
fn rows_max(value: vec4f, thread: u32) -> vec4f {
    meeting[thread] = value;
    workgroupBarrier();
    let first = thread / WIDE * WIDE;
    var high = meeting[first];
    for (var i = 1u; i < WIDE; i++) { high = max(high, meeting[first + i]); }
    return high;
}
fn rows_sum(value: vec4f, thread: u32) -> vec4f {
    workgroupBarrier();
    meeting[thread] = value;
    workgroupBarrier();
    let first = thread / WIDE * WIDE;
    var sum = meeting[first];
    for (var i = 1u; i < WIDE; i++) { sum += meeting[first + i]; }
    return sum;
}

/* Give the results to the kernel's store, for the rows from rows.first on. */
fn store_results(results: Results, rows: Rows, thread: u32) {
    let row = rows.first + 4 * (thread / WIDE);
    let d = 4 * (thread % WIDE);
    store_square(results.s0, rows, row, d);
    if (D4 > WIDE) { store_square(results.s1, rows, row, d + 4 * WIDE); }
    if (D4 > 2 * WIDE) { store_square(results.s2, rows, row, d + 8 * WIDE); }
    if (D4 > 3 * WIDE) { store_square(results.s3, rows, row, d + 12 * WIDE); }
}
fn store_square(square: mat4x4f, rows: Rows, row: u32, d: u32) {
    let lines = transpose(square);
    store_line(lines[0], rows, row, d);
    store_line(lines[1], rows, row + 1, d);
    store_line(lines[2], rows, row + 2, d);
    store_line(lines[3], rows, row + 3, d);
}
fn store_line(line: vec4f, rows: Rows, row: u32, d: u32) {
    let at = rows.begin + row * rows.stride + d;
    let count = select(0u, count4(d, D), row < p.t);
    if (count > 0) { store(rows.array, at, line.x); }
    if (count > 1) { store(rows.array, at + 1, line.y); }
    if (count > 2) { store(rows.array, at + 2, line.z); }
    if (count > 3) { store(rows.array, at + 3, line.w); }
}
