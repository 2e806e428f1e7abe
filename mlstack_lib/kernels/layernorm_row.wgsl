/* What the LayerNorm kernels do to a row, with 32 threads. */

const BLOCK = 32 * WARPS;

/* y, mean and rstd of a row, nothing beyond n. The kernel's row_element(at) reads the row. Two passes: the
   squares are taken of numbers that are already centred, which keeps their digits. */
fn normalise_row(row: u32, thread: u32) {
    let lane = thread % 32;
    let begin = row * p.c;
    let end = select(0u, p.c, row < p.n);
    var sum = 0.0;
    var squares = 0.0;
    for (var j = lane; j < end; j += 32) { sum += row_element(begin + j); }
    let mu = row_sum(sum, thread) / f32(p.c);
    for (var j = lane; j < end; j += 32) {
        let centred = row_element(begin + j) - mu;
        squares += centred * centred;
    }
    let r = inverseSqrt(row_sum(squares, thread) / f32(p.c) + p.eps);
    for (var j = lane; j < end; j += 32) {
        y[begin + j] = (row_element(begin + j) - mu) * r * weight[j] + bias[j];
    }
    if (lane == 0 && row < p.n) {
        mean[row] = mu;
        rstd[row] = r;
    }
}
