"""The titles of findings, and what to look for: for one who has never heard the term."""

TITLES = {
    "out of bounds": "index out of range",
    "race": "race in shared memory",
    "global race": "race in global memory between blocks",
    "uninitialised": "shared memory read before it was written",
    "divergence": "threads wait at different barriers",
    "left before barrier": "some threads left the kernel before a barrier",
    "deadlock": "threads wait for each other for ever",
    "wrong mask": "a thread is not in its own mask",
    "wrong lane": "a shuffle reads from a thread that takes no part",
    "mixed warp": "threads of one warp at different warp operations",
    "bad pointer": "access to memory that is no array's",
    "time limit": "still running at the time limit",
    "misaligned": "misaligned access",
    "in flight": "read before the asynchronous copy has arrived",
    "stack overflow": "too much local memory",
    "shared limit": "too much shared memory",
    "division": "whole number divided by zero",
    "illegal": "illegal instruction",
    "assertion": "assertion failed",
    "trap": "__trap() was reached",
}
HINTS = {
    "race": (
        "whichever comes first decides the result, and on a GPU that varies. Look for a place"
        " between the two accesses where `__syncthreads()` is missing; in a loop also between"
        " the last access of one round and the first of the next"
    ),
    "race in a warp": (
        "threads of a warp do not run in step, whichever comes first decides. Look for a "
        "place between the two accesses where `__syncwarp()` is missing"
    ),
    "race with an atomic": (
        "an atomic is safe against atomics only. Put `__syncthreads()` between the plain "
        "access and the atomic ones, or make it an atomic too"
    ),
    "global race": (
        "blocks run at the same time and in any order, so the result is a matter of luck. "
        "Give every block elements of its own (is the index made of `blockIdx.x * blockDim.x "
        "+ threadIdx.x`?), or use an atomic such as `atomicAdd`"
    ),
    "uninitialised": (
        "shared memory begins as rubbish in every block. Which thread should write this "
        "element, and is there a `__syncthreads()` between its write and this read?"
    ),
    "in flight": (
        "`cp_async_wait<N>()` lets the newest N groups be on their way: wait with a smaller "
        "N, then `__syncthreads()`, before the copied data is read"
    ),
    "divergence": (
        "all threads of a block must come to the same `__syncthreads()`. Move it out of the "
        "`if` or the loop that only some of them enter"
    ),
    "left before barrier": (
        "GPUs let it pass since 2017, CUDA's guide does not promise it. Rather than `return` "
        "early, put the work under `if (i < n)` and let all threads come to the barrier"
    ),
    "deadlock": (
        "a barrier waits for all threads of the block, a warp operation for all threads of "
        "its mask. Look for an `if` around one of them that some threads do not enter"
    ),
    "wrong mask": (
        "the mask says which threads of the warp take part, one bit each, and the caller must"
        " be among them. With a whole warp it is 0xffffffff"
    ),
    "wrong lane": (
        "the value read is undefined. Is the distance right, and does the mask name all the "
        "threads that are to be read from?"
    ),
    "mixed warp": (
        "all threads of a mask must come to the same operation. Look for a branch that only "
        "some of them take"
    ),
    "bad pointer": (
        "look at how the index is computed: is there a guard such as `if (i < n)`, and is n "
        "the number of elements?"
    ),
    "time limit": (
        "does the condition of a loop ever become false? If the work is just long, give it "
        "more time, `with sim.config(timeout=60):`, or a smaller size. A loop that waits for "
        "another block may wait for ever: that block may come later"
    ),
    "misaligned": (
        "an access of so many bytes must begin at a multiple of them. A float4 can only be "
        "read from an index that is a multiple of 4"
    ),
    "stack overflow": (
        "arrays inside the kernel and recursion may take 64 KiB a thread here. A GPU would "
        "move them to slow memory: make them smaller, or use shared memory"
    ),
    "shared limit": (
        "arrays of fixed size may take 48 KiB a block. Declare `extern __shared__ float "
        "s[];`, set `kernel.max_dynamic_shared_size_bytes`, and pass `shared_mem=`"
    ),
    "division": (
        "on a GPU the result would be rubbish, here the launch ends. Where does the zero come from?"
    ),
    "illegal": (
        "the compiler found that what happens here has no meaning, as in a function without "
        "its `return`"
    ),
    "assertion": "the condition in `assert` was false for this thread",
    "trap": "the kernel itself asked to be ended here",
}
