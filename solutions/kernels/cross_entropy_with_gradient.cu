/* cross_entropy_with_gradient: losses as in cross_entropy_forward, and the gradient in the logits' place:
   logits[i, j] becomes (softmax(logits[i])[j] - [j = targets[i]]) / count[0], 0 in ignored rows.
   logits (n, v) f32, targets (n) i32, count (1) from count_kept, losses (n) f32; their sum is the loss.
   A block takes a row and keeps it in registers, PER_THREAD numbers a thread: one read, one write.
   grid n; block BLOCK, a multiple of 32; v <= BLOCK * PER_THREAD; VECTOR: see softmax_row.cuh. Reads 4nv,
   writes 4nv bytes. Twin cross_entropy_with_gradient.wgsl, reference cross_entropy_with_gradient with
   overwrite. */
#include "softmax_row.cuh"

extern "C" __global__ void __launch_bounds__(BLOCK)
    cross_entropy_with_gradient(float* __restrict__ logits, const int* __restrict__ targets,
                                const float* __restrict__ count, float* __restrict__ losses, unsigned v,
                                int ignore_index) {
    __shared__ float scratch[32];
    logits += (size_t)blockIdx.x * v;
    int target = targets[blockIdx.x];
    bool kept = target != ignore_index;
    float z[PER_THREAD], top = LOWEST, sum = 0.0f, at_target = 0.0f, share = 1.0f / count[0];
    load_row(z, logits, v);
#pragma unroll
    for (int i = 0; i < PER_THREAD; i++) top = fmaxf(top, z[i]);
    top = block_max(top, scratch);
#pragma unroll
    for (int i = 0; i < PER_THREAD; i++) {
        if ((int)column(i) == target) at_target = z[i] - top;
        z[i] = expf(z[i] - top);
        sum += z[i];
    }
    sum = block_sum(sum, scratch);
    float factor = kept ? share / sum : 0.0f;
#pragma unroll
    for (int i = 0; i < PER_THREAD; i++) {
        bool hit = kept && (int)column(i) == target;
        z[i] = z[i] * factor - (hit ? share : 0.0f);
        if (hit) losses[blockIdx.x] = (logf(sum) - at_target) * share;
    }
    if (!kept && threadIdx.x == 0) losses[blockIdx.x] = 0.0f;
    store_row(logits, z, v);
}
// sealed 683ab7418579a608
