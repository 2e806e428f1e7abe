/* Causal attention, forward: out = softmax(scale q k^T) v and lse, the log of the sum of exponentials.
   q, k, v, out (B*H, T, 64) f32; lse (B*H, T) f32; T a multiple of 64. Oracle: attention in f64.
   grid (T / 64, B*H), block 128: a tile of 64 queries, threads as 16 x 8, each 4 rows and 8 columns.
   Shared memory 4 * 64 * 65 * 4 bytes: rows of 65, so that a column lies in 32 banks.
   Dao 2023, FlashAttention-2, arXiv:2307.08691. */
constexpr int D = 64, TILE = 64, ROW = 65, THREADS = 128;

template <bool CAUSAL>
__global__ void __launch_bounds__(THREADS)
attention_f32(const float* __restrict__ q, const float* __restrict__ k, const float* __restrict__ v,
              float* __restrict__ out, float* __restrict__ lse, int T, float scale) {
  extern __shared__ float smem[];
  float *qs = smem, *ks = qs + TILE * ROW, *vs = ks + TILE * ROW, *ps = vs + TILE * ROW;
  const int t = threadIdx.x, ty = t / 8, tx = t % 8, first = blockIdx.x * TILE;
  const size_t base = (size_t)blockIdx.y * T * D;
  for (int i = t; i < TILE * D; i += THREADS) {
    qs[i / D * ROW + i % D] = q[base + (size_t)first * D + i] * scale;
  }
  float acc[4][8], m[4], l[4];
  #pragma unroll
  for (int r = 0; r < 4; r++) {
    m[r] = -1e30f;
    l[r] = 0.0f;
    #pragma unroll
    for (int c = 0; c < 8; c++) acc[r][c] = 0.0f;
  }
  const int tiles = CAUSAL ? blockIdx.x + 1 : T / TILE;
  for (int j = 0; j < tiles; j++) {
    __syncthreads();
    for (int i = t; i < TILE * D; i += THREADS) {
      ks[i / D * ROW + i % D] = k[base + (size_t)j * TILE * D + i];
      vs[i / D * ROW + i % D] = v[base + (size_t)j * TILE * D + i];
    }
    __syncthreads();
    float s[4][8];
    #pragma unroll
    for (int r = 0; r < 4; r++)
      #pragma unroll
      for (int c = 0; c < 8; c++) s[r][c] = 0.0f;
    for (int d = 0; d < D; d++) {
      float a[4], b[8];
      #pragma unroll
      for (int r = 0; r < 4; r++) a[r] = qs[(ty * 4 + r) * ROW + d];
      #pragma unroll
      for (int c = 0; c < 8; c++) b[c] = ks[(tx + 8 * c) * ROW + d];
      #pragma unroll
      for (int r = 0; r < 4; r++)
        #pragma unroll
        for (int c = 0; c < 8; c++) s[r][c] += a[r] * b[c];
    }
    #pragma unroll
    for (int r = 0; r < 4; r++) {
      float top = m[r], sum = 0.0f;
      #pragma unroll
      for (int c = 0; c < 8; c++) {
        if (CAUSAL && j == tiles - 1 && tx + 8 * c > ty * 4 + r) s[r][c] = -1e30f;
        top = fmaxf(top, s[r][c]);
      }
      for (int o = 4; o; o >>= 1) top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, o));
      #pragma unroll
      for (int c = 0; c < 8; c++) {
        float p = __expf(s[r][c] - top);
        sum += p;
        ps[(ty * 4 + r) * ROW + tx + 8 * c] = p;
      }
      for (int o = 4; o; o >>= 1) sum += __shfl_xor_sync(0xffffffffu, sum, o);
      float shrink = __expf(m[r] - top);
      l[r] = l[r] * shrink + sum;
      m[r] = top;
      #pragma unroll
      for (int c = 0; c < 8; c++) acc[r][c] *= shrink;
    }
    __syncwarp();  // a row of ps is written and read by the 8 threads of one warp
    for (int n = 0; n < TILE; n++) {
      float p[4], b[8];
      #pragma unroll
      for (int r = 0; r < 4; r++) p[r] = ps[(ty * 4 + r) * ROW + n];
      #pragma unroll
      for (int c = 0; c < 8; c++) b[c] = vs[n * ROW + tx + 8 * c];
      #pragma unroll
      for (int r = 0; r < 4; r++)
        #pragma unroll
        for (int c = 0; c < 8; c++) acc[r][c] += p[r] * b[c];
    }
  }
  #pragma unroll
  for (int r = 0; r < 4; r++) {
    int row = first + ty * 4 + r;
    #pragma unroll
    for (int c = 0; c < 8; c++) out[base + (size_t)row * D + tx + 8 * c] = acc[r][c] / l[r];
    if (tx == 0) lse[(size_t)blockIdx.y * T + row] = m[r] + logf(l[r]);
  }
}
