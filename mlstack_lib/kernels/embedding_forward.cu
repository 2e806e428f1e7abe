/* embedding_forward: y[i] = weight[idx[i]] (+ positions[i % t]); idx (n) i32, weight (v, c),
   positions (t, c), y (n, c) f32. POSITIONS 0: positions is not read.
   grid n c / BLOCK rounded up; block BLOCK. Twin embedding_forward.wgsl, reference
   embedding_forward. */
extern "C" __global__ void embedding_forward(const int* __restrict__ idx, const float* __restrict__ weight,
                                             const float* __restrict__ positions, float* __restrict__ y,
                                             unsigned n, unsigned c, unsigned t) {
    unsigned e = blockIdx.x * blockDim.x + threadIdx.x;
    if (e >= n * c) return;
    unsigned i = e / c, j = e % c;
    float value = weight[(size_t)idx[i] * c + j];
    if (POSITIONS) value += positions[(i % t) * c + j];
    y[e] = value;
}
