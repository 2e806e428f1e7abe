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
        // BEGIN SOLUTION
        v[i] = q < quads ? x4[q] : make_float4(0.0f, 0.0f, 0.0f, 0.0f);
        sum += (v[i].x + v[i].y) + (v[i].z + v[i].w);
        // END SOLUTION
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
        // BEGIN SOLUTION
        if (q >= quads) continue;
        float4 w = weight4[q], b = bias4[q];
        y4[q] = make_float4(v[i].x * r * w.x + b.x, v[i].y * r * w.y + b.y, v[i].z * r * w.z + b.z,
                            v[i].w * r * w.w + b.w);
        // END SOLUTION
    }
    if (lane == 0) {
        mean[row] = mu;
        rstd[row] = r;
    }
}
