/* clip_coefficient: state[GRAD_NORM] = sqrt(norm2[0]), state[CLIP] = min(1, max_norm / (norm + 1e-6));
   a norm that is not finite sets state[HALTED]. norm2 (1), state f32.
   grid 1; block 1. Twin clip_coefficient.wgsl, reference clip_coefficient. */
extern "C" __global__ void clip_coefficient(const float* __restrict__ norm2, float* __restrict__ state,
                                            float max_norm) {
    // YOUR CODE HERE (4 lines); delete this line
}
// sealed 20370228dc2dacd6
