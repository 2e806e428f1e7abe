/* sum_atomic: total[0] += the sum of x; x (n), total (1) f32. Chapter 08, first rung.
   Every thread adds its number to the one total: all of them stand in one queue, and the order, so
   the last digits, differ from run to run. grid n / BLOCK rounded up; block any. Any n. Reads 4n
   bytes. Reference x.sum(). */
extern "C" __global__ void sum_atomic(const float* __restrict__ x, float* __restrict__ total, unsigned n) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) atomicAdd(total, x[i]);
}
