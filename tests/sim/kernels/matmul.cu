/* c = a b; a, b, c (N, N) f32, N a multiple of 16. Oracle: numpy in f64.
   grid (N / 16, N / 16), block (16, 16): a tile of c a block, tiles of a and b in shared memory. */
#define TILE 16
extern "C" __global__ void matmul_tiled(const float* __restrict__ a, const float* __restrict__ b,
                                        float* __restrict__ c, int N) {
  __shared__ float as[TILE][TILE], bs[TILE][TILE];
  int tx = threadIdx.x, ty = threadIdx.y;
  int row = blockIdx.y * TILE + ty, column = blockIdx.x * TILE + tx;
  float sum = 0.0f;
  for (int k = 0; k < N; k += TILE) {
    as[ty][tx] = a[row * N + k + tx];
    bs[ty][tx] = b[(k + ty) * N + column];
    __syncthreads();
    #pragma unroll
    for (int j = 0; j < TILE; j++) sum += as[ty][j] * bs[j][tx];
    __syncthreads();
  }
  c[row * N + column] = sum;
}
