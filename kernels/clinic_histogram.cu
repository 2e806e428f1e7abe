/* clinic_histogram: total[d] += how often the digit d, 0 to 9, is in x; x (n), total (10) u32. Chapter 08, the clinic.
   A block counts for itself in shared memory, then adds its ten counts to the total.
   grid n / blockDim.x rounded up; block any, 10 or more. Any n. Reference np.bincount(x, minlength=10). */
extern "C" __global__ void clinic_histogram(const unsigned* __restrict__ x, unsigned* __restrict__ total, unsigned n) {
    __shared__ unsigned counts[10];
    unsigned t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    // YOUR CODE HERE (mend what follows); delete this line
    if (i < n) atomicAdd(&counts[x[i]], 1u);
    __syncthreads();
    if (t < 10) atomicAdd(&total[t], counts[t]);
}
// sealed 7c32fae869297b29
