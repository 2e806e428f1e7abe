/* adamw: one AdamW update of all parameters; params, grads, m, v (n) f32, state the step state.
   The first n_decay elements shrink by learning_rate * weight_decay; grads are multiplied by
   state[CLIP]; nothing happens once state[HALTED] is set.
   A thread takes four neighbours, 16 bytes of each array, then those as many further on as the grid has
   threads. grid any; block BLOCK; arrays begin at multiples of 16 bytes. Reads 16n, writes 12n bytes.
   Twin adamw.wgsl, reference adamw. Loshchilov, Hutter 2019, arXiv:1711.05101, algorithm 2. */
extern "C" __global__ void adamw(const float* __restrict__ grads, const float* __restrict__ state,
                                 float* __restrict__ params, float* __restrict__ m, float* __restrict__ v,
                                 unsigned n, unsigned n_decay, float beta1, float beta2, float eps,
                                 float weight_decay) {
    unsigned first = blockIdx.x * BLOCK + threadIdx.x, threads = gridDim.x * BLOCK, quads = n / 4;
    float lr = state[LEARNING_RATE], correction1 = state[BIAS_CORRECTION1],
          correction2 = state[BIAS_CORRECTION2];
    auto update = [&](unsigned i, float grad, float& p, float& mi, float& vi) {  // of element i
        float g = grad * state[CLIP];
        mi += (1.0f - beta1) * (g - mi);
        vi += (1.0f - beta2) * (g * g - vi);
        if (i < n_decay) p *= 1.0f - lr * weight_decay;
        p -= lr / correction1 * mi / (sqrtf(vi / correction2) + eps);
    };
    if (state[HALTED] != 0.0f) return;
    for (unsigned i = first; i < quads; i += threads) {
        float4 g4 = ((const float4*)grads)[i], p4 = ((float4*)params)[i];
        float4 m4 = ((float4*)m)[i], v4 = ((float4*)v)[i];
        update(4 * i, g4.x, p4.x, m4.x, v4.x);
        update(4 * i + 1, g4.y, p4.y, m4.y, v4.y);
        update(4 * i + 2, g4.z, p4.z, m4.z, v4.z);
        update(4 * i + 3, g4.w, p4.w, m4.w, v4.w);
        ((float4*)params)[i] = p4;
        ((float4*)m)[i] = m4;
        ((float4*)v)[i] = v4;
    }
    unsigned i = 4 * quads + first;  // up to 3 are left over
    if (i < n) update(i, grads[i], params[i], m[i], v[i]);
}
// sealed 7099b576cea53e6d
