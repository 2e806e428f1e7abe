/* Products in squares of 4 x 4 numbers, which stay in registers: a matrix holds one, column by column. Only
   constants index them, for a compiler puts what is indexed by a variable into memory. */

/* square + a b^T. */
fn add_outer(square: mat4x4f, a: vec4f, b: vec4f) -> mat4x4f {
    return mat4x4f(square[0] + a * b.x, square[1] + a * b.y, square[2] + a * b.z, square[3] + a * b.w);
}

/* How many of 4 neighbours from `at` on lie before `end`. */
fn count4(at: u32, end: u32) -> u32 { return select(0u, min(end - at, 4u), at < end); }
