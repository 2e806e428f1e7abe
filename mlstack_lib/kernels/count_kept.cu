/* count_kept: count[0] = how many of targets (n) i32 are not ignore_index, at least 1; f32.
   grid 1; block BLOCK, a multiple of 32. Twin count_kept.wgsl, part of reference
   cross_entropy_forward. */
extern "C" __global__ void count_kept(const int* __restrict__ targets, float* __restrict__ count, unsigned n,
                                      int ignore_index) {
    __shared__ float scratch[32];
    float kept = 0.0f;
    for (unsigned i = threadIdx.x; i < n; i += blockDim.x) kept += targets[i] != ignore_index;
    kept = block_sum(kept, scratch);
    if (threadIdx.x == 0) count[0] = fmaxf(kept, 1.0f);
}
