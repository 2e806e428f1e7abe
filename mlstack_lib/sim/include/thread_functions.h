/* Barriers, warp operations, atomics and cached loads under CUDA's names. */
#pragma once
#pragma GCC system_header

// ---- block ----
#define __syncthreads() __sim_syncthreads(__LINE__, __COUNTER__)
#define __syncthreads_count(p) __sim_syncthreads_reduce(__LINE__, __COUNTER__, 0, (p) != 0)
#define __syncthreads_and(p) __sim_syncthreads_reduce(__LINE__, __COUNTER__, 1, (p) != 0)
#define __syncthreads_or(p) __sim_syncthreads_reduce(__LINE__, __COUNTER__, 2, (p) != 0)
__SIM_INLINE void __threadfence() { __sim_fence(); }
__SIM_INLINE void __threadfence_block() {}
__SIM_INLINE void __threadfence_system() { __sim_fence(); }

// ---- warp ----
template <class T>
__SIM_INLINE T __sim_shuffle(int op, unsigned mask, T value, int argument, int width, int line) {
  static_assert(sizeof(T) <= 8, "a shuffle moves at most 8 bytes");
  __sim_u64 bits = 0;
  __builtin_memcpy(&bits, &value, sizeof(T));
  bits = __sim_warp(op, mask, bits, argument, width, line);
  __builtin_memcpy(&value, &bits, sizeof(T));
  return value;
}
template <class T>
__SIM_INLINE T __shfl_sync(unsigned mask, T v, int source, int width = 32, __SIM_LINE) {
  return __sim_shuffle(__sim_shfl_idx, mask, v, source, width, __sim_line);
}
template <class T>
__SIM_INLINE T __shfl_up_sync(unsigned mask, T v, unsigned by, int width = 32, __SIM_LINE) {
  return __sim_shuffle(__sim_shfl_up, mask, v, (int)by, width, __sim_line);
}
template <class T>
__SIM_INLINE T __shfl_down_sync(unsigned mask, T v, unsigned by, int width = 32, __SIM_LINE) {
  return __sim_shuffle(__sim_shfl_down, mask, v, (int)by, width, __sim_line);
}
template <class T>
__SIM_INLINE T __shfl_xor_sync(unsigned mask, T v, int by, int width = 32, __SIM_LINE) {
  return __sim_shuffle(__sim_shfl_xor, mask, v, by, width, __sim_line);
}
__SIM_INLINE void __syncwarp(unsigned mask = 0xffffffffu, __SIM_LINE) {
  __sim_warp(__sim_syncwarp, mask, 0, 0, 32, __sim_line);
}
// A vote returns the ballot in its lower half and who took part in its upper half.
__SIM_INLINE unsigned __ballot_sync(unsigned mask, int p, __SIM_LINE) {
  return (unsigned)__sim_warp(__sim_ballot, mask, p != 0, 0, 32, __sim_line);
}
__SIM_INLINE int __any_sync(unsigned mask, int p, __SIM_LINE) {
  return (unsigned)__sim_warp(__sim_ballot, mask, p != 0, 0, 32, __sim_line) != 0;
}
__SIM_INLINE int __all_sync(unsigned mask, int p, __SIM_LINE) {
  __sim_u64 vote = __sim_warp(__sim_ballot, mask, p != 0, 0, 32, __sim_line);
  return (unsigned)vote == (unsigned)(vote >> 32);
}
template <class T>
__SIM_INLINE unsigned __match_any_sync(unsigned mask, T v, __SIM_LINE) {
  __sim_u64 bits = 0;
  __builtin_memcpy(&bits, &v, sizeof(T));
  return (unsigned)__sim_warp(__sim_match_any, mask, bits, 0, 32, __sim_line);
}
#define __SIM_REDUCE(NAME, T, OP)                                       \
  __SIM_INLINE T NAME(unsigned mask, T v, __SIM_LINE) {                 \
    return (T)__sim_warp(OP, mask, (unsigned)v, 0, 32, __sim_line);     \
  }
__SIM_REDUCE(__reduce_add_sync, int, __sim_reduce_add)
__SIM_REDUCE(__reduce_add_sync, unsigned, __sim_reduce_add)
__SIM_REDUCE(__reduce_min_sync, int, __sim_reduce_min)
__SIM_REDUCE(__reduce_min_sync, unsigned, __sim_reduce_umin)
__SIM_REDUCE(__reduce_max_sync, int, __sim_reduce_max)
__SIM_REDUCE(__reduce_max_sync, unsigned, __sim_reduce_umax)
__SIM_REDUCE(__reduce_and_sync, unsigned, __sim_reduce_and)
__SIM_REDUCE(__reduce_or_sync, unsigned, __sim_reduce_or)
__SIM_REDUCE(__reduce_xor_sync, unsigned, __sim_reduce_xor)
__SIM_INLINE unsigned __activemask(__SIM_LINE) { return __sim_active_mask(__sim_line); }

// ---- atomics ----
template <class T>
__SIM_INLINE T __sim_atomic_on(int op, int type, T* p, T value, T compare, int line) {
  __sim_u64 v = 0, c = 0;
  __builtin_memcpy(&v, &value, sizeof(T));
  __builtin_memcpy(&c, &compare, sizeof(T));
  v = __sim_atomic(op, type, p, v, c, line);
  __builtin_memcpy(&value, &v, sizeof(T));
  return value;
}
#define __SIM_ATOMIC(NAME, OP, T, TYPE)                                 \
  __SIM_INLINE T NAME(T* p, T v, __SIM_LINE) {                          \
    return __sim_atomic_on<T>(OP, TYPE, p, v, v, __sim_line);           \
  }
#define __SIM_ATOMIC_WHOLE(T, TYPE)                                     \
  __SIM_ATOMIC(atomicAdd, __sim_add, T, TYPE)                           \
  __SIM_ATOMIC(atomicExch, __sim_exch, T, TYPE)                         \
  __SIM_ATOMIC(atomicMin, __sim_min, T, TYPE)                           \
  __SIM_ATOMIC(atomicMax, __sim_max, T, TYPE)                           \
  __SIM_ATOMIC(atomicAnd, __sim_and, T, TYPE)                           \
  __SIM_ATOMIC(atomicOr, __sim_or, T, TYPE)                             \
  __SIM_ATOMIC(atomicXor, __sim_xor, T, TYPE)                           \
  __SIM_INLINE T atomicCAS(T* p, T compare, T v, __SIM_LINE) {          \
    return __sim_atomic_on<T>(__sim_cas, TYPE, p, v, compare, __sim_line); \
  }
__SIM_ATOMIC_WHOLE(int, __sim_i32)
__SIM_ATOMIC_WHOLE(unsigned, __sim_u32)
__SIM_ATOMIC_WHOLE(unsigned long long, __sim_u64_)
__SIM_ATOMIC(atomicMin, __sim_min, long long, __sim_i64)
__SIM_ATOMIC(atomicMax, __sim_max, long long, __sim_i64)
__SIM_ATOMIC(atomicAdd, __sim_add, float, __sim_f32)
__SIM_ATOMIC(atomicAdd, __sim_add, double, __sim_f64)
__SIM_ATOMIC(atomicExch, __sim_exch, float, __sim_f32)
__SIM_ATOMIC(atomicInc, __sim_inc, unsigned, __sim_u32)
__SIM_ATOMIC(atomicDec, __sim_dec, unsigned, __sim_u32)
__SIM_INLINE int atomicSub(int* p, int v, __SIM_LINE) { return atomicAdd(p, -v, __sim_line); }
__SIM_INLINE unsigned atomicSub(unsigned* p, unsigned v, __SIM_LINE) {
  return atomicAdd(p, 0u - v, __sim_line);
}

// ---- loads and stores with a hint for the caches, which are not simulated ----
#define __SIM_LOAD(NAME) \
  template <class T> __SIM_INLINE T NAME(const T* p) { return *p; }
#define __SIM_STORE(NAME) \
  template <class T> __SIM_INLINE void NAME(T* p, T v) { *p = v; }
__SIM_LOAD(__ldg) __SIM_LOAD(__ldcg) __SIM_LOAD(__ldca) __SIM_LOAD(__ldcs) __SIM_LOAD(__ldlu)
__SIM_LOAD(__ldcv) __SIM_STORE(__stwb) __SIM_STORE(__stcg) __SIM_STORE(__stcs) __SIM_STORE(__stwt)

// ---- the rest ----
#define assert(x) ((x) ? (void)0 : __sim_assert_failed(#x, __LINE__))
#define __trap() __sim_trap(__LINE__)
extern "C" int printf(const char*, ...);
__SIM_INLINE long long clock64() { return __sim_clock(); }
__SIM_INLINE long clock() { return (long)__sim_clock(); }
__SIM_INLINE void __nanosleep(unsigned) {}
