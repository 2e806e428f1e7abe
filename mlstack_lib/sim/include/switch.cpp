/* The switch from one fiber to another, and what the function that waited returns then.

   It saves what a function must keep for its caller and nothing else. Functions that wait end in it, so
   that it goes back into the kernel for them. On x86-64 it does so by a jump: a return is foretold from
   the last call, which was another fiber's, and in an unrolled loop of another place. swapcontext would
   also save the signal mask by two system calls, thirty times slower; an operating-system thread for
   each CUDA thread would be slower by hundreds. */

#if defined(__APPLE__)
#define SYMBOL "_sim_switch"
#define HIDDEN ".private_extern " SYMBOL "\n"
#else
#define SYMBOL "sim_switch"
#define HIDDEN ".hidden " SYMBOL "\n"
#endif
// A number and a vector are returned in different registers: the same code by two names.
extern "C" __attribute__((visibility("hidden"))) u64 switch_to(Fiber* from, Fiber* to) __asm__(SYMBOL);
extern "C" __attribute__((visibility("hidden"))) __sim_u32x4 switch_to_wide(Fiber* from, Fiber* to)
    __asm__(SYMBOL);

#if defined(__x86_64__)
__asm__(".text\n.globl " SYMBOL "\n" HIDDEN ".p2align 4\n" SYMBOL
        ":\n"
        "pushq %rbp\npushq %rbx\npushq %r12\npushq %r13\npushq %r14\npushq %r15\n"
        "movq %rsp,(%rdi)\nmovq (%rsi),%rsp\n"
        "movq 16(%rsi),%rax\nmovups 16(%rsi),%xmm0\n"
        "popq %r15\npopq %r14\npopq %r13\npopq %r12\npopq %rbx\npopq %rbp\n"
        "popq %rcx\njmpq *%rcx\n");
static void* first_frame(char* top, void (*function)()) {
  void** sp = (void**)top;
  *--sp = 0;  // a return address for `function`, never used, which also aligns its stack
  *--sp = (void*)function;
  for (int i = 0; i < 6; i++) *--sp = 0;
  return sp;
}
#elif defined(__aarch64__)
__asm__(".text\n.globl " SYMBOL "\n" HIDDEN ".p2align 4\n" SYMBOL
        ":\n"
        "sub sp,sp,#160\n"
        "stp x19,x20,[sp,#0]\nstp x21,x22,[sp,#16]\nstp x23,x24,[sp,#32]\nstp x25,x26,[sp,#48]\n"
        "stp x27,x28,[sp,#64]\nstp x29,x30,[sp,#80]\n"
        "stp d8,d9,[sp,#96]\nstp d10,d11,[sp,#112]\nstp d12,d13,[sp,#128]\nstp d14,d15,[sp,#144]\n"
        "mov x9,sp\nstr x9,[x0]\nldr x9,[x1]\nmov sp,x9\n"
        "ldr x0,[x1,#16]\nldr q0,[x1,#16]\n"
        "ldp x19,x20,[sp,#0]\nldp x21,x22,[sp,#16]\nldp x23,x24,[sp,#32]\nldp x25,x26,[sp,#48]\n"
        "ldp x27,x28,[sp,#64]\nldp x29,x30,[sp,#80]\n"
        "ldp d8,d9,[sp,#96]\nldp d10,d11,[sp,#112]\nldp d12,d13,[sp,#128]\nldp d14,d15,[sp,#144]\n"
        "add sp,sp,#160\nret\n");
static void* first_frame(char* top, void (*function)()) {
  void** sp = (void**)(top - 160);
  memset(sp, 0, 160);
  sp[11] = (void*)function;  // x30, where `ret` goes
  return sp;
}
#else
#error "the simulator knows how to switch threads on x86-64 and aarch64 only"
#endif
