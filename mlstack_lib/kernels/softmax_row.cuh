/* A row of numbers in the registers of a block of BLOCK threads, PER_THREAD of them in each. VECTOR: 16 bytes
   are read and written at a time; the launcher sets it where rows begin at multiples of 16 bytes, and then
   PER_THREAD is a multiple of 4. Otherwise, number by number. Either way neighbours read neighbours. */

#define LOWEST -3.0e38f  // where a maximum begins

/* The place in the row of this thread's number i. */
__device__ __forceinline__ unsigned column(unsigned i) {
    return VECTOR ? 4 * (threadIdx.x + BLOCK * (i / 4)) + i % 4 : threadIdx.x + BLOCK * i;
}

/* z = the row x of c numbers, LOWEST beyond its end. */
__device__ __forceinline__ void load_row(float (&z)[PER_THREAD], const float* x, unsigned c) {
#pragma unroll
    for (int i = 0; i < PER_THREAD; i += VECTOR ? 4 : 1) {
        unsigned j = column(i);
        if (VECTOR) {
            float4 v = j < c ? *(const float4*)&x[j] : make_float4(LOWEST, LOWEST, LOWEST, LOWEST);
            z[i] = v.x, z[i + 1] = v.y, z[i + 2] = v.z, z[i + 3] = v.w;
        } else {
            z[i] = j < c ? x[j] : LOWEST;
        }
    }
}

/* The row y of c numbers = z. */
__device__ __forceinline__ void store_row(float* y, const float (&z)[PER_THREAD], unsigned c) {
#pragma unroll
    for (int i = 0; i < PER_THREAD; i += VECTOR ? 4 : 1) {
        unsigned j = column(i);
        if (j >= c) continue;
        if (VECTOR)
            *(float4*)&y[j] = make_float4(z[i], z[i + 1], z[i + 2], z[i + 3]);
        else
            y[j] = z[i];
    }
}
