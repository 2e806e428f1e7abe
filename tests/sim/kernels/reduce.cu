/* Sums of x (n,) f32, three ways. Oracle: numpy.sum in f64.
   reduce_tree     out (grid,) f32: one sum a block of 256, a tree in shared memory
   reduce_shuffle  out (1,) f32, begins at 0: grid stride, shuffles, one atomic a block of 256
   reduce_float4   the same with x as float4, n a quarter of it */
extern "C" __global__ void __launch_bounds__(256)
reduce_tree(const float* __restrict__ x, float* out, int n) {
  __shared__ float s[256];
  int t = threadIdx.x, i = blockIdx.x * 256 + t;
  s[t] = i < n ? x[i] : 0.0f;
  __syncthreads();
  for (int o = 128; o > 0; o >>= 1) {
    if (t < o) s[t] += s[t + o];
    __syncthreads();
  }
  if (t == 0) out[blockIdx.x] = s[0];
}

__device__ __forceinline__ float warp_sum(float v) {
  #pragma unroll
  for (int o = 16; o > 0; o >>= 1) v += __shfl_xor_sync(0xffffffff, v, o);
  return v;
}

extern "C" __global__ void reduce_shuffle(const float* __restrict__ x, float* out, int n) {
  __shared__ float s[8];
  float v = 0.0f;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) v += x[i];
  v = warp_sum(v);
  if (threadIdx.x % 32 == 0) s[threadIdx.x / 32] = v;
  __syncthreads();
  if (threadIdx.x < 32) {
    v = threadIdx.x < 8 ? s[threadIdx.x] : 0.0f;
    v = warp_sum(v);
    if (threadIdx.x == 0) atomicAdd(out, v);
  }
}

extern "C" __global__ void reduce_float4(const float4* __restrict__ x, float* out, int n) {
  __shared__ float s[8];
  float v = 0.0f;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
    float4 a = __ldg(&x[i]);
    v += a.x + a.y + a.z + a.w;
  }
  v = warp_sum(v);
  if (threadIdx.x % 32 == 0) s[threadIdx.x / 32] = v;
  __syncthreads();
  if (threadIdx.x == 0) {
    for (int w = 1; w < 8; w++) v += s[w];
    atomicAdd(out, v);
  }
}
