/* y = (x - mean) * rstd * weight + bias, each row of C; x, y (N, C) f32; weight, bias (C,) f32.
   Oracle: LayerNorm in f64.
   layernorm_warp   grid N / 8 rounded up, block 256: one warp a row, shuffles
   layernorm_block  grid N, block 128: one block a row, sums through shared memory */
template <int WARPS>
__device__ float block_sum(float v, float* s) {
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  for (int o = 16; o; o >>= 1) v += __shfl_down_sync(0xffffffffu, v, o);
  if (lane == 0) s[warp] = v;
  __syncthreads();
  v = 0.0f;
  for (int i = 0; i < WARPS; i++) v += s[i];
  __syncthreads();
  return v;
}

extern "C" __global__ void layernorm_warp(const float* __restrict__ x, const float* __restrict__ weight,
                                          const float* __restrict__ bias, float* __restrict__ y,
                                          int N, int C, float eps) {
  int row = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32, lane = threadIdx.x & 31;
  if (row >= N) return;
  const float* xr = x + (size_t)row * C;
  float sum = 0.0f, squares = 0.0f;
  for (int i = lane; i < C; i += 32) sum += xr[i];
  for (int o = 16; o; o >>= 1) sum += __shfl_xor_sync(0xffffffffu, sum, o);
  float mean = sum / C;
  for (int i = lane; i < C; i += 32) {
    float d = xr[i] - mean;
    squares += d * d;
  }
  for (int o = 16; o; o >>= 1) squares += __shfl_xor_sync(0xffffffffu, squares, o);
  float rstd = rsqrtf(squares / C + eps);
  for (int i = lane; i < C; i += 32) y[(size_t)row * C + i] = (xr[i] - mean) * rstd * weight[i] + bias[i];
}

extern "C" __global__ void layernorm_block(const float* __restrict__ x, const float* __restrict__ weight,
                                           const float* __restrict__ bias, float* __restrict__ y,
                                           int N, int C, float eps) {
  __shared__ float partial[4];
  const float* xr = x + (size_t)blockIdx.x * C;
  float sum = 0.0f, squares = 0.0f;
  for (int i = threadIdx.x; i < C; i += blockDim.x) sum += xr[i];
  float mean = block_sum<4>(sum, partial) / C;
  for (int i = threadIdx.x; i < C; i += blockDim.x) {
    float d = xr[i] - mean;
    squares = fmaf(d, d, squares);
  }
  float rstd = rsqrtf(block_sum<4>(squares, partial) / C + eps);
  for (int i = threadIdx.x; i < C; i += blockDim.x) {
    y[(size_t)blockIdx.x * C + i] = (xr[i] - mean) * rstd * weight[i] + bias[i];
  }
}
