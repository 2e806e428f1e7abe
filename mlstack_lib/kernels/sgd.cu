/* sgd: one update by gradient descent with momentum; params, grads, m (n) f32, state the step state.
   g = grads * state[CLIP] + weight_decay * params (first n_decay elements); m = momentum * m + g;
   params -= learning_rate * m. Nothing happens once state[HALTED] is set.
   grid n / BLOCK rounded up; block BLOCK. Reads 12n, writes 8n bytes. Twin sgd.wgsl, reference sgd. */
extern "C" __global__ void sgd(const float* __restrict__ grads, const float* __restrict__ state,
                               float* __restrict__ params, float* __restrict__ m, unsigned n,
                               unsigned n_decay, float momentum, float weight_decay) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n || state[HALTED] != 0.0f) return;
    float g = grads[i] * state[CLIP];
    if (i < n_decay) g += weight_decay * params[i];
    float mi = momentum * m[i] + g;
    m[i] = mi;
    params[i] -= state[LEARNING_RATE] * mi;
}
