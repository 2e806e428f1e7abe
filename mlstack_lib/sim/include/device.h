/* CUDA C for an ordinary C++ compiler: put in front of every kernel by `-include`.

   No system header comes in, so that a kernel finds no name here that NVRTC would not give it. */
#pragma once
#pragma GCC system_header
#include "interface.h"

#define __SIM__ 1  // the wrappers in mma.cuh choose their body by it

// Inlined code should carry the line of its caller. clang can be told so; g++ notes the header's
// line, and the line reader goes back to the last row of the learner's file.
#if defined(__clang__)
#define __SIM_INLINE __attribute__((always_inline, nodebug)) inline
#define __SIM_NO_INLINE __attribute__((noinline))
#else
#define __SIM_INLINE __attribute__((always_inline, artificial)) inline
// g++ would otherwise inline the kernel into the caller below, which has no checks
#define __SIM_NO_INLINE __attribute__((noipa))
#endif
#define __SIM_LINE int __sim_line = __builtin_LINE()
#define __SIM_UNCHECKED __attribute__((no_sanitize("thread")))
#define __SIM_EXPORTED __attribute__((visibility("default")))

// ---- qualifiers ----
/* protected: a kernel may be called like a function of libc (advance, index), and stays itself */
#define __global__ __SIM_NO_INLINE __attribute__((used, visibility("protected")))
#define __device__
#define __host__
#define __constant__
#define __managed__
#define __grid_constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))

// ---- built-in variables ----
#define threadIdx (__sim_thread_idx())
#define blockIdx (__sim_block_idx())
#define blockDim (__sim_block_dim())
#define gridDim (__sim_grid_dim())
#define warpSize (__sim_warp_size())

#include "vector_types.h"
#include "math_functions.h"
#include "thread_functions.h"

// ---- shared memory ----
// The source pass writes `__shared__ T a[N];` as `typedef T __sim_T_a[N]; __SIM_SHARED(a);`, and the
// dynamic array as a pointer.
template <class T>
struct __sim_shape {
  typedef T element;
  static constexpr unsigned depth = 0;
  static constexpr void fill(unsigned*) {}
};
template <class T, size_t N>
struct __sim_shape<T[N]> {
  typedef typename __sim_shape<T>::element element;
  static constexpr unsigned depth = __sim_shape<T>::depth + 1;
};
template <class T, int I>
struct __sim_extent { static constexpr unsigned value = 0; };
template <class T, size_t N>
struct __sim_extent<T[N], 0> { static constexpr unsigned value = N; };
template <class T, size_t N, int I>
struct __sim_extent<T[N], I> { static constexpr unsigned value = __sim_extent<T, I - 1>::value; };
// A structure of the learner's may have padding; the headers' own, marked __sim_solid, have none.
template <class T> constexpr bool __sim_padded(...) { return __is_class(T); }
template <class T> constexpr bool __sim_padded(typename T::__sim_solid*) { return false; }
#define __SIM_SHARED(NAME)                                                                   \
  static __sim_shared_array __sim_array_##NAME = {                                           \
      #NAME, sizeof(__sim_T_##NAME), sizeof(typename __sim_shape<__sim_T_##NAME>::element),  \
      __LINE__,                                                                              \
      {__sim_extent<__sim_T_##NAME, 0>::value, __sim_extent<__sim_T_##NAME, 1>::value,       \
       __sim_extent<__sim_T_##NAME, 2>::value, __sim_extent<__sim_T_##NAME, 3>::value},      \
      __sim_padded<typename __sim_shape<__sim_T_##NAME>::element>(nullptr), 0, 0, 0};                                                                              \
  __sim_T_##NAME& NAME = *(__sim_T_##NAME*)__sim_shared(&__sim_array_##NAME)

// ---- kernels, as the loader finds them ----
template <class T>
struct __sim_kind { static constexpr char value = 's'; };
#define __SIM_KIND(T, K) template <> struct __sim_kind<T> { static constexpr char value = K; };
__SIM_KIND(float, 'f') __SIM_KIND(double, 'f') __SIM_KIND(bool, 'i') __SIM_KIND(char, 'i')
__SIM_KIND(signed char, 'i') __SIM_KIND(unsigned char, 'i') __SIM_KIND(short, 'i')
__SIM_KIND(unsigned short, 'i') __SIM_KIND(int, 'i') __SIM_KIND(unsigned, 'i')
__SIM_KIND(long, 'i') __SIM_KIND(unsigned long, 'i') __SIM_KIND(long long, 'i')
__SIM_KIND(unsigned long long, 'i')
template <class T> struct __sim_kind<const T> : __sim_kind<T> {};
template <class T> struct __sim_kind<volatile T> : __sim_kind<T> {};
template <class T> struct __sim_kind<const volatile T> : __sim_kind<T> {};
template <class T> struct __sim_kind<T*> { static constexpr char value = 'p'; };

template <class T>
struct __sim_pointee { static constexpr unsigned size = 0; static constexpr char kind = 's'; };
template <class T>
struct __sim_pointee<T*> {
  static constexpr unsigned size = sizeof(T);
  static constexpr char kind = __sim_kind<T>::value;
};
#define __SIM_VOID(T)                                                                              \
  template <> struct __sim_pointee<T*> { static constexpr unsigned size = 0; static constexpr char kind = 's'; };
__SIM_VOID(void) __SIM_VOID(const void)

template <class... P>
struct __sim_call {  // braces around its arguments, so that they are read from left to right
  __sim_call(void (*kernel)(P...), P... arguments) { kernel(arguments...); }
};
template <class F, F K>
struct __sim_export;
template <class... P, void (*K)(P...)>
struct __sim_export<void (*)(P...), K> {
  __SIM_UNCHECKED static void call(void** arguments) {
    (void)arguments;
    __sim_call<P...>{K, *(P*)(*arguments++)...};
  }
  static constexpr int count = sizeof...(P);
  static constexpr unsigned sizes[sizeof...(P) + 1] = {sizeof(P)...};
  static constexpr char kinds[sizeof...(P) + 1] = {__sim_kind<P>::value..., 0};
  static constexpr unsigned pointees[sizeof...(P) + 1] = {__sim_pointee<P>::size...};
  static constexpr char pointee_kinds[sizeof...(P) + 1] = {__sim_pointee<P>::kind..., 0};
};
#define __SIM_EXPORT(I, NAME, ...)                                                            \
  extern "C" __SIM_EXPORTED const __sim_kernel_info __sim_kernel_##I = {                      \
      NAME, &__sim_export<decltype(&__VA_ARGS__), &__VA_ARGS__>::call,                        \
      __sim_export<decltype(&__VA_ARGS__), &__VA_ARGS__>::count,                              \
      __sim_export<decltype(&__VA_ARGS__), &__VA_ARGS__>::sizes,                              \
      __sim_export<decltype(&__VA_ARGS__), &__VA_ARGS__>::kinds,                              \
      __sim_export<decltype(&__VA_ARGS__), &__VA_ARGS__>::pointees,                           \
      __sim_export<decltype(&__VA_ARGS__), &__VA_ARGS__>::pointee_kinds};
