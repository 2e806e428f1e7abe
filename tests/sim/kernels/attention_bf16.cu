/* Causal attention, forward, on tensor cores: out = softmax(scale q k^T) v and lse.
   q, k, v, out (B*H, T, 64) bf16; lse (B*H, T) f32; T a multiple of 64; scale_log2e = scale log2(e).
   Oracle: attention in f64. grid (T / 64, B*H), block 128: a tile of 64 queries, 16 a warp.
   Shared memory 5 * 8192 bytes: q, and k and v twice, the next tile on its way while one is used.
   Change from attention_f32: mma.m16n8k16, ldmatrix, cp.async, swizzled rows.
   Dao 2023, FlashAttention-2, arXiv:2307.08691. */
#include <cuda_bf16.h>
#include "mma.cuh"
#define SWIZZLE 1
constexpr int ROWS = 64, D = 64, TILE = ROWS * D, THREADS = 128;

// Element (r, c) of a tile: the 16-byte parts of a row are permuted by its number, so that the
// eight rows that ldmatrix reads at a time lie in different banks.
__device__ __forceinline__ __nv_bfloat16* at(__nv_bfloat16* tile, int r, int c) {
  int part = (c >> 3) ^ (SWIZZLE ? r & 7 : 0);
  return tile + r * D + (part << 3 | (c & 7));
}
__device__ __forceinline__ void load_tile(__nv_bfloat16* tile, const __nv_bfloat16* from) {
  for (int i = threadIdx.x; i < TILE / 8; i += THREADS) cp_async16(at(tile, i / 8, i % 8 * 8), from + i * 8);
}

extern "C" __global__ void __launch_bounds__(THREADS)
attention_bf16(const __nv_bfloat16* __restrict__ q, const __nv_bfloat16* __restrict__ k,
               const __nv_bfloat16* __restrict__ v, __nv_bfloat16* __restrict__ out,
               float* __restrict__ lse, int T, float scale_log2e) {
  extern __shared__ __align__(128) __nv_bfloat16 smem[];
  __nv_bfloat16 *qs = smem, *ks = smem + TILE, *vs = smem + 3 * TILE;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4, t2 = lane % 4 * 2;
  const size_t base = (size_t)blockIdx.y * T * D;
  const int tiles = blockIdx.x + 1;
  load_tile(qs, q + base + (size_t)blockIdx.x * TILE);
  load_tile(ks, k + base);
  load_tile(vs, v + base);
  cp_async_commit();
  unsigned qf[4][4];
  float acc[8][4], m[2] = {-1e30f, -1e30f}, l[2] = {0.0f, 0.0f};
  #pragma unroll
  for (int i = 0; i < 8; i++)
    #pragma unroll
    for (int j = 0; j < 4; j++) acc[i][j] = 0.0f;
  for (int j = 0; j < tiles; j++) {
    __nv_bfloat16 *kt = ks + (j & 1) * TILE, *vt = vs + (j & 1) * TILE;
    cp_async_wait<0>();
    __syncthreads();
    if (j + 1 < tiles) {
      load_tile(ks + ((j + 1) & 1) * TILE, k + base + (size_t)(j + 1) * TILE);
      load_tile(vs + ((j + 1) & 1) * TILE, v + base + (size_t)(j + 1) * TILE);
    }
    cp_async_commit();
    if (j == 0) {
      #pragma unroll
      for (int i = 0; i < 4; i++) ldmatrix_x4(qf[i], at(qs, warp * 16 + (lane & 15), i * 16 + (lane >> 4) * 8));
    }
    float s[8][4];
    #pragma unroll
    for (int n = 0; n < 8; n++)
      #pragma unroll
      for (int i = 0; i < 4; i++) s[n][i] = 0.0f;
    #pragma unroll
    for (int i = 0; i < 4; i++)
      #pragma unroll
      for (int n = 0; n < 8; n += 2) {
        unsigned b[4];
        ldmatrix_x4(b, at(kt, n * 8 + (lane & 7) + ((lane >> 4) << 3), i * 16 + ((lane >> 3) & 1) * 8));
        mma_m16n8k16_bf16(s[n], qf[i], b[0], b[1]);
        mma_m16n8k16_bf16(s[n + 1], qf[i], b[2], b[3]);
      }
    #pragma unroll
    for (int h = 0; h < 2; h++) {
      float top = m[h], sum = 0.0f;
      #pragma unroll
      for (int n = 0; n < 8; n++)
        #pragma unroll
        for (int e = 0; e < 2; e++) {
          float& x = s[n][h * 2 + e];
          x *= scale_log2e;
          if (j == tiles - 1 && n * 8 + t2 + e > warp * 16 + g + h * 8) x = -1e30f;
          top = fmaxf(top, x);
        }
      top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, 1));
      top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, 2));
      float shrink = exp2f(m[h] - top);
      #pragma unroll
      for (int n = 0; n < 8; n++)
        #pragma unroll
        for (int e = 0; e < 2; e++) {
          float& x = s[n][h * 2 + e];
          x = exp2f(x - top);
          sum += x;
          acc[n][h * 2 + e] *= shrink;
        }
      l[h] = l[h] * shrink + sum;
      m[h] = top;
    }
    #pragma unroll
    for (int i = 0; i < 4; i++) {
      unsigned p[4] = {pack_bf16(s[2 * i][0], s[2 * i][1]), pack_bf16(s[2 * i][2], s[2 * i][3]),
                       pack_bf16(s[2 * i + 1][0], s[2 * i + 1][1]), pack_bf16(s[2 * i + 1][2], s[2 * i + 1][3])};
      #pragma unroll
      for (int n = 0; n < 8; n += 2) {
        unsigned b[4];
        ldmatrix_x4_trans(b, at(vt, i * 16 + (lane & 15), n * 8 + (lane >> 4) * 8));
        mma_m16n8k16_bf16(acc[n], p, b[0], b[1]);
        mma_m16n8k16_bf16(acc[n + 1], p, b[2], b[3]);
      }
    }
  }
  #pragma unroll
  for (int h = 0; h < 2; h++) {
    l[h] += __shfl_xor_sync(0xffffffffu, l[h], 1);
    l[h] += __shfl_xor_sync(0xffffffffu, l[h], 2);
    int row = blockIdx.x * ROWS + warp * 16 + g + h * 8;
    #pragma unroll
    for (int n = 0; n < 8; n++) {
      __nv_bfloat16* to = &out[base + (size_t)row * D + n * 8 + t2];
      *reinterpret_cast<__nv_bfloat162*>(to) = __floats2bfloat162_rn(acc[n][h * 2] / l[h], acc[n][h * 2 + 1] / l[h]);
    }
    if (t2 == 0) lse[(size_t)blockIdx.y * T + row] = (m[h] + log2f(l[h])) * 0.6931471805599453f;
  }
}
