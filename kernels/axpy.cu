/* axpy: y += a * x; x, y (n) f32, a f32. Chapter 08.
   However many threads there are, together they take all n elements: a grid-stride loop.
   grid and block any. Any n. Reads 8n, writes 4n bytes. Reference y + a * x. */
extern "C" __global__ void axpy(float a, const float* __restrict__ x, float* __restrict__ y, unsigned n) {
    // YOUR CODE HERE (2 lines); delete this line
}
// sealed 6582e4fd749941fb
