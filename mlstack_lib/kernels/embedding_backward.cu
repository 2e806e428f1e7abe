/* embedding_backward: dweight[v] = the sum of dy[i] over all i with idx[i] = v; dy (n, c) f32,
   idx, order (n) i32, dweight (rows, c) f32. `order` sorts idx, equal tokens in their order: a block
   finds its token's run by bisection and adds it up from front to back, without atomics.
   ACCUMULATE: add to dweight.
   grid rows; block BLOCK. Twin embedding_backward.wgsl, reference embedding_backward. */
extern "C" __global__ void embedding_backward(const float* __restrict__ dy, const int* __restrict__ idx,
                                              const int* __restrict__ order, float* __restrict__ dweight,
                                              unsigned n, unsigned c) {
    unsigned token = blockIdx.x, begin = 0, end = n;
    while (begin < end) {  // the first place in the order whose token is not smaller
        unsigned middle = (begin + end) / 2;
        if ((unsigned)idx[order[middle]] < token) begin = middle + 1;
        else end = middle;
    }
    for (unsigned j = threadIdx.x; j < c; j += blockDim.x) {
        float sum = 0.0f;
        for (unsigned i = begin; i < n && (unsigned)idx[order[i]] == token; i++)
            sum += dy[(size_t)order[i] * c + j];
        size_t at = (size_t)token * c + j;
        dweight[at] = ACCUMULATE ? dweight[at] + sum : sum;
    }
}
