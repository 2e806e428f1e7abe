/* What every kernel may use; put in front of each file as text. */

#define FULL_MASK 0xffffffffu

/* Where in the step state each number stands; array.Slot says what they mean. */
enum { STEP, LEARNING_RATE, BIAS_CORRECTION1, BIAS_CORRECTION2, CLIP, GRAD_NORM, HALTED, SCHEDULE_ROW, BATCH,
       DROPOUT, POSITION, SCHEDULED = 4 };

/* The sum over neighbouring lanes of a warp, LANES of them (a power of 2), in each of these. */
template <int LANES = 32>
__device__ __forceinline__ float warp_sum(float value) {
    for (int offset = LANES / 2; offset > 0; offset /= 2)
        value += __shfl_xor_sync(FULL_MASK, value, offset);
    return value;
}

/* The largest of neighbouring lanes of a warp, likewise. */
template <int LANES = 32>
__device__ __forceinline__ float warp_max(float value) {
    for (int offset = LANES / 2; offset > 0; offset /= 2)
        value = fmaxf(value, __shfl_xor_sync(FULL_MASK, value, offset));
    return value;
}

/* The sum over a block of whole warps, in every thread; scratch holds 32 numbers. */
__device__ __forceinline__ float block_sum(float value, float* scratch) {
    value = warp_sum(value);
    __syncthreads();  // scratch may still be read from an earlier sum
    if (threadIdx.x % 32 == 0) scratch[threadIdx.x / 32] = value;
    __syncthreads();
    return warp_sum(threadIdx.x % 32 < blockDim.x / 32 ? scratch[threadIdx.x % 32] : 0.0f);
}

/* The largest of a block of whole warps, in every thread; scratch holds 32 numbers. */
__device__ __forceinline__ float block_max(float value, float* scratch) {
    value = warp_max(value);
    __syncthreads();
    if (threadIdx.x % 32 == 0) scratch[threadIdx.x / 32] = value;
    __syncthreads();
    return warp_max(threadIdx.x % 32 < blockDim.x / 32 ? scratch[threadIdx.x % 32] : -3.0e38f);
}

#define GELU_SCALE 0.7978845608028654f  // sqrt(2 / pi)
#define GELU_CUBE 0.044715f

/* u, of which gelu takes tanh, clamped as in the reference: exp(80) is still finite. */
__device__ __forceinline__ float gelu_inner(float x) {
    return fminf(fmaxf(GELU_SCALE * (x + GELU_CUBE * x * x * x), -40.0f), 40.0f);
}

/* 0.5 x (1 + tanh(u)) = x / (1 + exp(-2u)): one exp, and exact where tanh is nearly -1. */
__device__ __forceinline__ float gelu(float x) { return x / (1.0f + expf(-2.0f * gelu_inner(x))); }
