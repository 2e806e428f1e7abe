/* The switch from one fiber to another: where it stands on its stack, and where it goes on.

   Written into the function that switches, so that the compiler saves what it needs there and nothing
   else, and the way back is a jump to a known place. A switch that is called and returns on another
   stack than it was called on is foretold wrongly by the processor every time. swapcontext would also
   save the signal mask by two system calls, thirty times slower; an operating-system thread for each
   CUDA thread would be slower by hundreds. */

// Operands in rdi and rsi, or x0 and x1, as no other register is left: what the asm names is lost. The
// frame pointer cannot be named, so it is kept here.
INLINE void switch_context(Context* from, Context* to) {
#if defined(__x86_64__)
  __asm__ volatile(
      "leaq 1f(%%rip),%%rax\n movq %%rax,16(%0)\n movq %%rsp,(%0)\n movq %%rbp,8(%0)\n"
      "movq (%1),%%rsp\n movq 8(%1),%%rbp\n jmpq *16(%1)\n 1:"
      : "+D"(from), "+S"(to)
      :
      : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0",
        "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
        "xmm12", "xmm13", "xmm14", "xmm15",
#if defined(__AVX512F__)
        "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25",
        "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k1", "k2", "k3", "k4", "k5", "k6",
        "k7",
#endif
        "memory", "cc");
#elif defined(__aarch64__)
  __asm__ volatile(
      "adr x9,1f\n str x9,[%0,#16]\n mov x9,sp\n stp x9,x29,[%0]\n"
      "ldr x16,[%1,#16]\n ldp x9,x29,[%1]\n mov sp,x9\n br x16\n"
      "1: hint #36"  // bti j: a place to jump to, where the system checks that
      : "+r"(from), "+r"(to)
      :
      : "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",
        "x16", "x17", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x30",
        "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13",
        "v14", "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26",
        "v27", "v28", "v29", "v30", "v31", "memory", "cc");
#else
#error "the simulator knows how to switch threads on x86-64 and aarch64 only"
#endif
}
// A fiber that begins in `function`, which never returns. `top` is a multiple of 64.
static Context first_context(char* top, void (*function)()) {
#if defined(__x86_64__)
  top -= 8;  // where a call would have put the way back
  *(u64*)top = 0;
#endif
  return Context{top, 0, (void*)function};
}
