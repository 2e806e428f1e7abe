/* One block's tile of a matrix product: op(a) op(b) over k_begin <= k < k_end.

   The block computes BM x BN elements of the product, each of its threads TM x TN of them, 4 or 8 each way,
   in squares of 4 x 4. BK columns of op(a) and rows of op(b) at a time pass through workgroup memory. While a
   tile is multiplied the next one is on its way into registers: a thread brings a square of 4 x 4 or two,
   turned where that is needed, for both parts stand in memory with a vector of rows (or columns) for each k.
   The kernel says where its operands are, a_at and b_at, and where the product goes, `store`. */

const ACROSS = BN / TN;
const TILE_THREADS = (BM / TM) * ACROSS;
const ROWS4 = BM / 4;
const COLUMNS4 = BN / 4;
const SQUARES_A = ROWS4 * BK / 4;
const SQUARES_B = COLUMNS4 * BK / 4;
const TWO = SQUARES_A + SQUARES_B > TILE_THREADS;  // squares a thread to bring, or one
const_assert SQUARES_A + SQUARES_B <= 2 * TILE_THREADS;

var<workgroup> part_a: array<vec4f, BK * ROWS4>;
var<workgroup> part_b: array<vec4f, BK * COLUMNS4>;

/* A thread's results: rows 4 ty (and BM / 2 + 4 ty), columns 4 tx (and BN / 2 + 4 tx) of the tile. */
struct Squares { s00: mat4x4f, s01: mat4x4f, s10: mat4x4f, s11: mat4x4f }

/* `lines` lines of `count` neighbours each, zeros for the rest of the 4 x 4; a line is a column of the matrix. */
fn lines_a(begin: u32, stride: u32, count: u32, lines: u32) -> mat4x4f {
    return mat4x4f(line_a(begin, select(0u, count, lines > 0)), line_a(begin + stride, select(0u, count, lines > 1)),
                   line_a(begin + 2 * stride, select(0u, count, lines > 2)),
                   line_a(begin + 3 * stride, select(0u, count, lines > 3)));
}
fn line_a(begin: u32, count: u32) -> vec4f {
    return vec4f(select(0.0, a_at(begin), count > 0), select(0.0, a_at(begin + 1), count > 1),
                 select(0.0, a_at(begin + 2), count > 2), select(0.0, a_at(begin + 3), count > 3));
}
fn lines_b(begin: u32, stride: u32, count: u32, lines: u32) -> mat4x4f {
    return mat4x4f(line_b(begin, select(0u, count, lines > 0)), line_b(begin + stride, select(0u, count, lines > 1)),
                   line_b(begin + 2 * stride, select(0u, count, lines > 2)),
                   line_b(begin + 3 * stride, select(0u, count, lines > 3)));
}
fn line_b(begin: u32, count: u32) -> vec4f {
    return vec4f(select(0.0, b_at(begin), count > 0), select(0.0, b_at(begin + 1), count > 1),
                 select(0.0, b_at(begin + 2), count > 2), select(0.0, b_at(begin + 3), count > 3));
}

/* Where square e belongs: (rows or columns, k) in vectors of 4. */
fn place_a(e: u32) -> vec2u {
    if (TRANS_A == 1) { return vec2u(e % ROWS4, e / ROWS4); }
    return vec2u(e / (BK / 4), e % (BK / 4));
}
fn place_b(e: u32) -> vec2u {
    if (TRANS_B == 1) { return vec2u(e / (BK / 4), e % (BK / 4)); }
    return vec2u(e % COLUMNS4, e / COLUMNS4);
}

/* Square e of op(a) and op(b) from memory, k0 and on; a column of the matrix for each k. */
fn fetch(corner: vec2u, size: vec3u, k0: u32, k_end: u32, e: u32) -> mat4x4f {
    if (e < SQUARES_A) {
        let at = place_a(e);
        let row = corner.x + 4 * at.x;
        let k = k0 + 4 * at.y;
        if (TRANS_A == 1) { return lines_a(k * size.x + row, size.x, count4(row, size.x), count4(k, k_end)); }
        return transpose(lines_a(row * size.z + k, size.z, count4(k, k_end), count4(row, size.x)));
    }
    let at = place_b(e - SQUARES_A);
    let column = corner.y + 4 * at.x;
    let k = k0 + 4 * at.y;
    if (TRANS_B == 1) {
        return transpose(lines_b(column * size.z + k, size.z, count4(k, k_end), count4(column, size.y)));
    }
    return lines_b(k * size.y + column, size.y, count4(column, size.y), count4(k, k_end));
}

fn put(square: mat4x4f, e: u32) {
    if (e < SQUARES_A) {
        let at = place_a(e);
        let first = 4 * at.y * ROWS4 + at.x;
        part_a[first] = square[0];
        part_a[first + ROWS4] = square[1];
        part_a[first + 2 * ROWS4] = square[2];
        part_a[first + 3 * ROWS4] = square[3];
    } else if (e < SQUARES_A + SQUARES_B) {
        let at = place_b(e - SQUARES_A);
        let first = 4 * at.y * COLUMNS4 + at.x;
        part_b[first] = square[0];
        part_b[first + COLUMNS4] = square[1];
        part_b[first + 2 * COLUMNS4] = square[2];
        part_b[first + 3 * COLUMNS4] = square[3];
    }
}

/* acc + what one k contributes. */
fn add_k(acc: Squares, k: u32, ty: u32, tx: u32) -> Squares {
    var sum = acc;
    let a0 = part_a[k * ROWS4 + ty];
    let b0 = part_b[k * COLUMNS4 + tx];
    sum.s00 = add_outer(sum.s00, a0, b0);
    if (TM == 8) { sum.s10 = add_outer(sum.s10, part_a[k * ROWS4 + BM / 8 + ty], b0); }
    if (TN == 8) { sum.s01 = add_outer(sum.s01, a0, part_b[k * COLUMNS4 + BN / 8 + tx]); }
    if (TM == 8 && TN == 8) {
        sum.s11 = add_outer(sum.s11, part_a[k * ROWS4 + BM / 8 + ty], part_b[k * COLUMNS4 + BN / 8 + tx]);
    }
    return sum;
}

/* The tile whose first row and column are `corner`; size: m, n, k. */
fn multiply_tile(corner: vec2u, size: vec3u, k_begin: u32, k_end: u32, thread: u32) -> Squares {
    var acc: Squares;  // zeros
    let ty = thread / ACROSS;
    let tx = thread % ACROSS;
    var held = fetch(corner, size, k_begin, k_end, thread);
    var held_too: mat4x4f;
    if (TWO) { held_too = fetch(corner, size, k_begin, k_end, thread + TILE_THREADS); }
    for (var k0 = k_begin; k0 < k_end; k0 += BK) {
        put(held, thread);
        if (TWO) { put(held_too, thread + TILE_THREADS); }
        workgroupBarrier();
        held = fetch(corner, size, k0 + BK, k_end, thread);
        if (TWO) { held_too = fetch(corner, size, k0 + BK, k_end, thread + TILE_THREADS); }
        for (var k = 0u; k < BK; k += 4) {  // by fours: no WGSL compiler unrolls
            acc = add_k(acc, k, ty, tx);
            acc = add_k(acc, k + 1, ty, tx);
            acc = add_k(acc, k + 2, ty, tx);
            acc = add_k(acc, k + 3, ty, tx);
        }
        workgroupBarrier();
    }
    return acc;
}

/* Give the tile to the kernel's store(at, column, value), whatever lies within rows x columns. */
fn store_tile(acc: Squares, corner: vec2u, rows: u32, columns: u32, begin: u32, thread: u32) {
    let row = corner.x + 4 * (thread / ACROSS);
    let column = corner.y + 4 * (thread % ACROSS);
    store_square(acc.s00, row, column, rows, columns, begin);
    if (TN == 8) { store_square(acc.s01, row, column + BN / 2, rows, columns, begin); }
    if (TM == 8) { store_square(acc.s10, row + BM / 2, column, rows, columns, begin); }
    if (TM == 8 && TN == 8) { store_square(acc.s11, row + BM / 2, column + BN / 2, rows, columns, begin); }
}
fn store_square(square: mat4x4f, row: u32, column: u32, rows: u32, columns: u32, begin: u32) {
    let lines = transpose(square);
    let count = count4(column, columns);
    let at = begin + row * columns + column;
    store_line(lines[0], at, column, select(0u, count, row < rows));
    store_line(lines[1], at + columns, column, select(0u, count, row + 1 < rows));
    store_line(lines[2], at + 2 * columns, column, select(0u, count, row + 2 < rows));
    store_line(lines[3], at + 3 * columns, column, select(0u, count, row + 3 < rows));
}
fn store_line(line: vec4f, at: u32, column: u32, count: u32) {
    if (count > 0) { store(at, column, line.x); }
    if (count > 1) { store(at + 1, column + 1, line.y); }
    if (count > 2) { store(at + 2, column + 2, line.z); }
    if (count > 3) { store(at + 3, column + 3, line.w); }
}
