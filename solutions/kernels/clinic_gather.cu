/* clinic_gather: y[i] = x[idx[i]]; x (m), y (n) f32, idx (n) as np.argsort gives it. Chapter 08, the clinic.
   grid n / blockDim.x rounded up; block any. Any n. Reference x[idx]. */
// BEGIN SOLUTION
extern "C" __global__ void clinic_gather(const float* __restrict__ x, const long long* __restrict__ idx,
                                         float* __restrict__ y, unsigned n) {
// GIVEN
// extern "C" __global__ void clinic_gather(const float* __restrict__ x, const int* __restrict__ idx,
//                                          float* __restrict__ y, unsigned n) {
// END SOLUTION
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = x[idx[i]];
}
