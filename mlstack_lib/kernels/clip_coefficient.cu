/* clip_coefficient: state[GRAD_NORM] = sqrt(norm2[0]), state[CLIP] = min(1, max_norm / (norm + 1e-6));
   a norm that is not finite sets state[HALTED]. norm2 (1), state f32.
   grid 1; block 1. Twin clip_coefficient.wgsl, reference clip_coefficient. */
extern "C" __global__ void clip_coefficient(const float* __restrict__ norm2, float* __restrict__ state,
                                            float max_norm) {
    // BEGIN SOLUTION
    float norm = sqrtf(norm2[0]);
    state[GRAD_NORM] = norm;
    state[CLIP] = fminf(1.0f, max_norm / (norm + 1e-6f));
    if (!(norm <= 3.4e38f)) state[HALTED] = 1.0f;  // NaN compares as false
    // END SOLUTION
}
