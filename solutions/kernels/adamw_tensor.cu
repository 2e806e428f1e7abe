/* adamw_tensor: one AdamW update of one tensor; params, grads, m, v (n) f32. Chapter 11, first rung.
   params shrink by lr * weight_decay; grads are multiplied by clip; correction1 and correction2 are
   1 - beta1^step and 1 - beta2^step. All numbers come from the host: each step needs new launches.
   grid n / BLOCK rounded up; block BLOCK. Reads 16n, writes 12n bytes. Reference adamw.
   Loshchilov, Hutter 2019, arXiv:1711.05101, algorithm 2. */
extern "C" __global__ void adamw_tensor(const float* __restrict__ grads, float* __restrict__ params,
                                        float* __restrict__ m, float* __restrict__ v, unsigned n, float lr,
                                        float correction1, float correction2, float clip, float beta1,
                                        float beta2, float eps, float weight_decay) {
    // BEGIN SOLUTION
    unsigned i = blockIdx.x * BLOCK + threadIdx.x;
    if (i >= n) return;
    float g = grads[i] * clip;
    float mi = m[i] + (1.0f - beta1) * (g - m[i]), vi = v[i] + (1.0f - beta2) * (g * g - v[i]);
    m[i] = mi;
    v[i] = vi;
    params[i] = params[i] * (1.0f - lr * weight_decay) - lr / correction1 * mi / (sqrtf(vi / correction2) + eps);
    // END SOLUTION
}
