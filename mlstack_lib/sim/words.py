"""The titles of findings, and what to look for: for one who has never heard the term."""

TITLES = {
    "out of bounds": "index out of range",
    "race": "race in shared memory",
    "global race": "race in global memory between blocks",
    "race in a block": "race in global memory",
    "uninitialised": "shared memory read before it was written",
    "divergence": "threads wait at different barriers",
    "left before barrier": "some threads left the kernel before a barrier",
    "deadlock": "threads wait for each other for ever",
    "wrong mask": "a thread is not in its own mask",
    "wrong lane": "a shuffle reads from a thread that takes no part",
    "mixed warp": "threads of one warp at different warp operations",
    "bad pointer": "access to memory that belongs to no array",
    "time limit": "still running at the time limit",
    "misaligned": "misaligned access",
    "in flight": "read before the asynchronous copy has arrived",
    "stack overflow": "too much local memory",
    "shared limit": "too much shared memory",
    "division": "division of whole numbers that has no result",
    "illegal": "illegal instruction",
    "assertion": "assertion failed",
    "trap": "__trap() was reached",
}
# Each follows the words "What to look for:".
HINTS = {
    "out of bounds": (
        "a guard such as `if (i < n)` for the threads that have no element, and whether n is the "
        "number of elements"
    ),
    "out of bounds at once": (
        "the index itself, and the bound of the loop that it comes from: this is the launch's "
        "first thread, which no guard would keep away"
    ),
    "race": (
        "a place between the two accesses where `__syncthreads()` is missing, at which all threads "
        "of the block wait for each other; in a loop also between the last access of one round and "
        "the first of the next. Without it the result depends on who comes first, and on a GPU "
        "that varies"
    ),
    "race in a warp": (
        "a place between the two accesses where `__syncthreads()` is missing, or `__syncwarp()` if "
        "only threads of one warp share this memory. The 32 of a warp do not run in step: without "
        "it the result depends on who comes first"
    ),
    "race in a block": (
        "the index: are both threads meant to touch this element? Then a `__syncthreads()` between "
        "the two accesses, at which all threads of the block wait for each other. Without it the "
        "result depends on who comes first"
    ),
    "race on a line": (
        "in a loop a `BARRIER()`, where threads wait for each other, between one round and the "
        "next; else one between reading and writing, the value kept in a variable meanwhile. If "
        "several threads add to one element, `atomicAdd`. Without it the result depends on who "
        "comes first"
    ),
    "race of writers": (
        "the index: are several threads meant to write the same element? Give each its own, or let "
        "one of them write, `if (threadIdx.x == 0)`. As it is, the one that comes last wins, and "
        "on a GPU that varies"
    ),
    "race with an atomic": (
        "a plain access to what others change by an atomic, which is safe against atomics only. "
        "Put `__syncthreads()` between the two, or make the plain access an atomic too"
    ),
    "global race": (
        "the index: does it give every block elements of its own, as `blockIdx.x * blockDim.x + "
        "threadIdx.x` does, and does a guard keep it from running past its row into the next? "
        "Blocks run at the same time and in any order, so the result is a matter of luck"
    ),
    "adding": "Where several threads are to add to one element, use `atomicAdd`",
    "global race of two lines": (
        "the index: is it one that another block writes? Blocks run in any order, and none can "
        "wait for another: what one block writes, others can read in the next launch (or after "
        "`__threadfence()` and an atomic that counts the blocks that are done)"
    ),
    "global race with an atomic": (
        "a plain access to what other blocks change by an atomic, which is safe against atomics "
        "only. Set the first value before the launch, and read the last one after it"
    ),
    "uninitialised": (
        "the thread that should write this element, and a `__syncthreads()` between its write and "
        "this read. Shared memory begins as rubbish in every block"
    ),
    "in flight": (
        "a wait that is missing or waits for too little: `cp_async_wait<N>()` lets the newest N "
        "groups be on their way. Wait with a smaller N, then `__syncthreads()`, then read"
    ),
    "divergence": (
        "an `if` or a loop around `__syncthreads()` that only some threads enter. Move it out: a "
        "barrier ends when all threads of the block have come to the same one"
    ),
    "left before barrier": (
        "an early `return`, an `if` around the barrier, or a loop whose number of rounds differs "
        "among the threads. Put only the work under an `if`, and let all threads come to every "
        "barrier. GPUs since 2017 do not count the threads that have left, but CUDA's guide does "
        "not promise it"
    ),
    "deadlock": (
        "an `if` around one of them that some threads do not enter. A barrier waits for all "
        "threads of the block, a warp operation for all threads of its mask"
    ),
    "wrong mask": (
        "the first argument. A warp is 32 threads, its lanes 0 to 31; bit i of the mask says that "
        "lane i takes part, and who calls must take part. For a whole warp it is 0xffffffff"
    ),
    "wrong lane": (
        "the distance, and the mask: a bit for each thread of the warp that is read from. What "
        "comes from another is undefined"
    ),
    "lane that stayed away": (
        "an `if` or a `return` that keeps some lanes from this line: with FULL_MASK, 0xffffffff, "
        "all 32 of the warp must come to it. What comes from one that does not is undefined"
    ),
    "mixed warp": (
        "a branch that only some threads take. All threads that a mask names must come to the same "
        "operation"
    ),
    "bad pointer": (
        "how the index is computed (an unsigned one that should be below zero is huge, and one of "
        "an array of the thread's own, such as `float z[4]`, must stay below its size), and "
        "whether the launch gave the array: an `extern __shared__` one needs `shared_mem=`, its "
        "bytes"
    ),
    "null pointer": (
        "an argument of the launch that is `None`: a kernel sees it as address 0, where no array is"
    ),
    "time limit": (
        "a loop whose condition never becomes false. One that waits for another block may wait for "
        "ever, since that block may come later. If the work is just long, take a smaller size or "
        "give it more time: `with sim.config(timeout=60):`, in the terminal `--timeout 60`"
    ),
    "misaligned": (
        "the index: an access of so many bytes must begin at a multiple of them, so that a float4 "
        "can only be read from an index that is a multiple of 4"
    ),
    "stack overflow": (
        "a large array inside the kernel, or a function that calls itself: they may take 64 KiB a "
        "thread here. A GPU would move them to slow memory: make them smaller, or use `__shared__`"
    ),
    "shared limit": (
        "a size that can be smaller. More than 48 KiB a block is there only for an array whose "
        "size the launch gives: declare `extern __shared__ float s[];`, set "
        "`kernel.max_dynamic_shared_size_bytes` to its bytes, and launch with as many, "
        "`shared_mem=`"
    ),
    "division": (
        "where the divisor comes from. On a GPU the result would be rubbish, here the launch ends"
    ),
    "illegal": (
        "code that has no meaning, such as a function that ends without its `return`: the compiler "
        "made no instructions of it"
    ),
    "assertion": "the values in the condition of `assert`, for this thread",
    "trap": "the `if` that led here: `__trap()` ends a kernel at once",
}
