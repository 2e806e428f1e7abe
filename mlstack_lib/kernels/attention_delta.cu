/* attention_delta: delta = sum_d dout * out, which both backward kernels need; dout, out
   (batch, t, h, d), delta (batch, h, t) f32. Eight lanes take a row, 16 bytes at a time if VECTOR: the launcher
   sets it where rows begin at multiples of 16 bytes.
   grid batch * t * h / ROWS rounded up; block 8 * ROWS. Reads 8 d, writes 4 bytes a row.
   Twin attention_delta.wgsl, part of reference attention_backward. */
extern "C" __global__ void attention_delta(const float* __restrict__ dout, const float* __restrict__ out,
                                           float* __restrict__ delta, unsigned rows, unsigned t, unsigned h,
                                           unsigned d) {
    unsigned lane = threadIdx.x % 8, row = blockIdx.x * ROWS + threadIdx.x / 8;
    float sum = 0.0f;
    if (row < rows) {
        const float *x = dout + (size_t)row * d, *y = out + (size_t)row * d;
        if (VECTOR) {
#pragma unroll 4
            for (unsigned i = 4 * lane; i < d; i += 32) {
                float4 a = *(const float4*)&x[i], b = *(const float4*)&y[i];
                sum += a.x * b.x + a.y * b.y + a.z * b.z + a.w * b.w;
            }
        } else {
#pragma unroll 4
            for (unsigned i = lane; i < d; i += 8) sum += x[i] * y[i];
        }
    }
    sum = warp_sum<8>(sum);
    if (row >= rows) return;
    unsigned head = row % h, time = row / h % t, batch = row / h / t;
    if (lane == 0) delta[((size_t)batch * h + head) * t + time] = sum;
}
