/* What a compiled kernel and the runtime share: the types that cross over and every function that a
   kernel calls. All names begin with __sim_, which the language keeps from a learner's own code.

   Whatever synchronises, or touches memory for the learner, is a function of the runtime and never
   inlined, so that its return address lies in the learner's code and leads to a source line. Where an
   inlined wrapper of the headers stands in between, it passes the line itself. */
#pragma once

typedef decltype(sizeof(0)) size_t;
typedef unsigned long long __sim_u64;
typedef float __sim_f32x4 __attribute__((vector_size(16)));
typedef unsigned __sim_u32x4 __attribute__((vector_size(16)));

struct uint3 {
  unsigned x, y, z;
};

// A `__shared__` array of fixed size. The runtime gives it its place when a launch first meets it.
struct __sim_shared_array {
  const char* name;
  unsigned size, element, line;  // bytes, bytes, line of the declaration
  unsigned dims[4];              // inner sizes last, 0 for none
  unsigned padded;               // elements may have bytes that no member of theirs covers
  volatile unsigned launch, offset, id;
};

// A kernel as the loader finds it in the compiled library.
struct __sim_kernel_info {
  const char* name;
  void (*call)(void** arguments);
  int count;
  const unsigned* sizes;     // bytes of each parameter
  const char* kinds;         // f float, i integer, p pointer, s anything else
  const unsigned* pointees;  // bytes of what a pointer points to, 0 if unknown
  const char* pointee_kinds;
};

enum __sim_warp_op {
  __sim_shfl_idx, __sim_shfl_up, __sim_shfl_down, __sim_shfl_xor,
  __sim_ballot, __sim_syncwarp, __sim_match_any,
  __sim_reduce_add, __sim_reduce_min, __sim_reduce_max,
  __sim_reduce_umin, __sim_reduce_umax, __sim_reduce_and, __sim_reduce_or, __sim_reduce_xor,
  __sim_mma, __sim_ldmatrix, __sim_ldmatrix_trans,
};
enum __sim_atomic_op {
  __sim_add, __sim_min, __sim_max, __sim_exch, __sim_cas, __sim_and, __sim_or, __sim_xor,
  __sim_inc, __sim_dec,
};
enum __sim_atomic_type { __sim_i32, __sim_u32, __sim_i64, __sim_u64_, __sim_f32, __sim_f64 };

extern "C" {
// `const`, so that a compiler may read them once: a fiber never changes its identity.
uint3 __sim_thread_idx() __attribute__((const));
uint3 __sim_block_idx() __attribute__((const));
uint3 __sim_block_dim() __attribute__((const));
uint3 __sim_grid_dim() __attribute__((const));
int __sim_warp_size() __attribute__((const));

void* __sim_shared(__sim_shared_array* array);
void* __sim_dynamic_shared(const char* name, unsigned element, unsigned line);

// id: a number of each barrier in the source. A line would not do, as it may hold two barriers, nor
// would a return address, as an optimiser may copy the call.
void __sim_syncthreads(int line, int id);
int __sim_syncthreads_reduce(int line, int id, int op, int value);  // op: 0 count, 1 and, 2 or
void __sim_fence();

__sim_u64 __sim_warp(int op, unsigned mask, __sim_u64 value, int argument, int width, int line);
unsigned __sim_active_mask(int line);
__sim_u64 __sim_atomic(int op, int type, void* p, __sim_u64 value, __sim_u64 compare, int line);

// By value, not by reference: fragments stay in registers and cause no checks.
__sim_f32x4 __sim_mma_bf16(__sim_u32x4 a, unsigned b0, unsigned b1, __sim_f32x4 c, int line);
__sim_u32x4 __sim_ldmatrix_x4(const void* row, int transposed, int line);
void __sim_copy_async(void* to, const void* from, int line);
void __sim_copy_commit();
void __sim_copy_wait(int pending, int line);

float __sim_half_to_float(unsigned short bits);
unsigned short __sim_float_to_half(float x);
long long __sim_clock();
void __sim_assert_failed(const char* text, int line) __attribute__((noreturn));
void __sim_trap(int line) __attribute__((noreturn));
}
