/* layernorm_vector: y = (x - mean) * rstd * weight + bias over each row of c numbers. Chapter 10, rung v4.
   Arguments and reference as layernorm_thread; c a multiple of 4, arrays begin at multiples of 16 bytes.
   grid n / WARPS rounded up; block 32 * WARPS: a warp takes a row; c <= 128 * QUADS. Change from v3: a lane
   holds QUADS groups of four neighbours, and moves each by one instruction. Reads 4nc, writes 4nc bytes. */
extern "C" __global__ void layernorm_vector(const float* __restrict__ x, const float* __restrict__ weight,
                                            const float* __restrict__ bias, float* __restrict__ y,
                                            float* __restrict__ mean, float* __restrict__ rstd, unsigned n,
                                            unsigned c, float eps) {
    unsigned lane = threadIdx.x % 32, row = blockIdx.x * WARPS + threadIdx.x / 32, quads = c / 4;
    if (row >= n) return;  // whole warps leave
    const float4 *x4 = (const float4*)x + (size_t)row * quads, *weight4 = (const float4*)weight;
    const float4* bias4 = (const float4*)bias;
    float4 v[QUADS], *y4 = (float4*)y + (size_t)row * quads;
    float sum = 0.0f, squares = 0.0f;
#pragma unroll
    for (int i = 0; i < QUADS; i++) {
        unsigned q = lane + 32 * i;
        // YOUR CODE HERE (2 lines); delete this line
    }
    float mu = warp_sum(sum) / c;
#pragma unroll
    for (int i = 0; i < QUADS; i++) {
        if (lane + 32 * i >= quads) continue;
        v[i] = make_float4(v[i].x - mu, v[i].y - mu, v[i].z - mu, v[i].w - mu);
        squares += (v[i].x * v[i].x + v[i].y * v[i].y) + (v[i].z * v[i].z + v[i].w * v[i].w);
    }
    float r = rsqrtf(warp_sum(squares) / c + eps);
#pragma unroll
    for (int i = 0; i < QUADS; i++) {
        unsigned q = lane + 32 * i;
        // YOUR CODE HERE (4 lines); delete this line
    }
    if (lane == 0) {
        mean[row] = mu;
        rstd[row] = r;
    }
}
// sealed 053015b8066c0363
