/* cross_entropy_forward: losses[i] = -log softmax(logits[i])[targets[i]] / count[0], 0 for ignored rows.
   logits (n, v) f32, targets (n) i32, count (1) from count_kept, losses (n) f32; their sum is the loss.
   A block takes a row. grid n; block BLOCK, a multiple of 32. Reads 4nv bytes.
   Twin cross_entropy_forward.wgsl, reference cross_entropy_forward. */
extern "C" __global__ void cross_entropy_forward(const float* __restrict__ logits,
                                                 const int* __restrict__ targets,
                                                 const float* __restrict__ count, float* __restrict__ losses,
                                                 unsigned v, int ignore_index) {
    __shared__ float scratch[32];
    logits += (size_t)blockIdx.x * v;
    int target = targets[blockIdx.x];
    float top = -3.0e38f, sum = 0.0f;
    for (unsigned j = threadIdx.x; j < v; j += blockDim.x) top = fmaxf(top, logits[j]);
    top = block_max(top, scratch);
    for (unsigned j = threadIdx.x; j < v; j += blockDim.x) sum += expf(logits[j] - top);
    sum = block_sum(sum, scratch);
    if (threadIdx.x == 0)
        losses[blockIdx.x] = target == ignore_index ? 0.0f : (logf(sum) + top - logits[target]) / count[0];
}
