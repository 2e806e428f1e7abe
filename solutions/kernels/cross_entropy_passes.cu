/* cross_entropy_passes: cross_entropy_with_gradient, the same arguments, but the row is read three times.
   Chapter 11, the rung before it. grid n; block BLOCK, a multiple of 32. Any v. Reads 12nv, writes 4nv bytes.
   Reference cross_entropy_with_gradient with overwrite. */
extern "C" __global__ void cross_entropy_passes(float* __restrict__ logits, const int* __restrict__ targets,
                                                const float* __restrict__ count, float* __restrict__ losses,
                                                unsigned v, int ignore_index) {
    __shared__ float scratch[32];
    logits += (size_t)blockIdx.x * v;
    int target = targets[blockIdx.x];
    bool kept = target != ignore_index;
    float top = -3.0e38f, sum = 0.0f, share = 1.0f / count[0];
    for (unsigned j = threadIdx.x; j < v; j += BLOCK) top = fmaxf(top, logits[j]);
    top = block_max(top, scratch);
    for (unsigned j = threadIdx.x; j < v; j += BLOCK) sum += expf(logits[j] - top);
    sum = block_sum(sum, scratch);
    for (unsigned j = threadIdx.x; j < v; j += BLOCK) {  // a thread writes what it alone reads
        bool hit = kept && (int)j == target;
        if (hit) losses[blockIdx.x] = (logf(sum) - (logits[j] - top)) * share;
        logits[j] = kept ? expf(logits[j] - top) / sum * share - (hit ? share : 0.0f) : 0.0f;
    }
    if (!kept && threadIdx.x == 0) losses[blockIdx.x] = 0.0f;
}
