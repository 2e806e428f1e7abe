/* clinic_steps: y[i] = x[i + 1] - x[i]; x (n), y (n - 1) f32. Chapter 08, the clinic.
   grid n / blockDim.x rounded up; block any. n >= 2. Reference np.diff(x). */
extern "C" __global__ void clinic_steps(const float* __restrict__ x, float* __restrict__ y, unsigned n) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    // BEGIN SOLUTION
    if (i + 1 < n) y[i] = x[i + 1] - x[i];
    // GIVEN
    // if (i < n) y[i] = x[i + 1] - x[i];
    // END SOLUTION
}
