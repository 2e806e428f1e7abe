/* adamw: one AdamW update of all parameters; params, grads, m, v (n) f32, state the step state.
   The first n_decay elements shrink by learning_rate * weight_decay; grads are multiplied by
   state[CLIP]; nothing happens once state[HALTED] is set.
   grid n / BLOCK rounded up; block BLOCK. Reads 16n, writes 12n bytes. Twin adamw.wgsl, reference adamw.
   Loshchilov, Hutter 2019, arXiv:1711.05101, algorithm 2. */
extern "C" __global__ void adamw(const float* __restrict__ grads, const float* __restrict__ state,
                                 float* __restrict__ params, float* __restrict__ m, float* __restrict__ v,
                                 unsigned n, unsigned n_decay, float beta1, float beta2, float eps,
                                 float weight_decay) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n || state[HALTED] != 0.0f) return;
    float lr = state[LEARNING_RATE], g = grads[i] * state[CLIP], p = params[i];
    float mi = m[i] + (1.0f - beta1) * (g - m[i]), vi = v[i] + (1.0f - beta2) * (g * g - v[i]);
    m[i] = mi;
    v[i] = vi;
    if (i < n_decay) p *= 1.0f - lr * weight_decay;
    params[i] = p - lr / state[BIAS_CORRECTION1] * mi / (sqrtf(vi / state[BIAS_CORRECTION2]) + eps);
}
