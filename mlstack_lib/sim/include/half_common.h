/* What the two 16-bit floating-point types have in common; cuda_fp16.h and cuda_bf16.h fill it in.

   Every operation is done in f32 and rounded once, as on a GPU. */
#pragma once
#pragma GCC system_header

// N the type, TO(float) -> bits, FROM(bits) -> float
#define __SIM_HALF_TYPE(N, TO, FROM)                                                     \
  struct N {                                                                             \
    typedef void __sim_solid;                                                            \
    unsigned short __x;                                                                  \
    N() = default;                                                                       \
    __SIM_INLINE N(float f) : __x(TO(f)) {}                                              \
    __SIM_INLINE N(double f) : __x(TO((float)f)) {}                                      \
    __SIM_INLINE N(int i) : __x(TO((float)i)) {}                                         \
    __SIM_INLINE N(unsigned i) : __x(TO((float)i)) {}                                    \
    __SIM_INLINE operator float() const { return FROM(__x); }                            \
    __SIM_INLINE N& operator+=(const N& o) { return *this = N((float)*this + (float)o); } \
    __SIM_INLINE N& operator-=(const N& o) { return *this = N((float)*this - (float)o); } \
    __SIM_INLINE N& operator*=(const N& o) { return *this = N((float)*this * (float)o); } \
    __SIM_INLINE N& operator/=(const N& o) { return *this = N((float)*this / (float)o); } \
  };                                                                                     \
  __SIM_HALF_OPERATOR(N, N, +, __hadd) __SIM_HALF_OPERATOR(N, N, -, __hsub)              \
  __SIM_HALF_OPERATOR(N, N, *, __hmul) __SIM_HALF_OPERATOR(N, N, /, __hdiv)              \
  __SIM_HALF_OPERATOR(N, bool, <, __hlt) __SIM_HALF_OPERATOR(N, bool, >, __hgt)          \
  __SIM_HALF_OPERATOR(N, bool, <=, __hle) __SIM_HALF_OPERATOR(N, bool, >=, __hge)        \
  __SIM_HALF_OPERATOR(N, bool, ==, __heq) __SIM_HALF_OPERATOR(N, bool, !=, __hne)        \
  __SIM_INLINE N operator-(const N& a) { return N(-(float)a); }                          \
  __SIM_INLINE N __hneg(N a) { return -a; }                                              \
  __SIM_INLINE N __habs(N a) { return N(__builtin_fabsf((float)a)); }                    \
  __SIM_INLINE N __hfma(N a, N b, N c) { return N(fmaf((float)a, (float)b, (float)c)); } \
  __SIM_INLINE N __hmax(N a, N b) { return N(fmaxf((float)a, (float)b)); }               \
  __SIM_INLINE N __hmin(N a, N b) { return N(fminf((float)a, (float)b)); }               \
  __SIM_INLINE bool __hisnan(N a) { return (float)a != (float)a; }                       \
  __SIM_INLINE N hexp(N a) { return N(expf((float)a)); }                                 \
  __SIM_INLINE N hexp2(N a) { return N(exp2f((float)a)); }                               \
  __SIM_INLINE N hlog(N a) { return N(logf((float)a)); }                                 \
  __SIM_INLINE N hsqrt(N a) { return N(sqrtf((float)a)); }                               \
  __SIM_INLINE N hrsqrt(N a) { return N(rsqrtf((float)a)); }                             \
  __SIM_INLINE N hrcp(N a) { return N(1.0f / (float)a); }                                \
  __SIM_INLINE N hfloor(N a) { return N(floorf((float)a)); }                             \
  __SIM_INLINE N __ldg(const N* p) { return *p; }
#define __SIM_HALF_OPERATOR(N, R, OP, NAME)                                              \
  __SIM_INLINE R operator OP(const N& a, const N& b) { return R((float)a OP (float)b); } \
  __SIM_INLINE R NAME(N a, N b) { return a OP b; }

// N2 the pair of N; a copy is one 4-byte access, as in vector_types.h
#if defined(__clang__)
typedef unsigned __sim_pair_bits __attribute__((may_alias));
#define __SIM_PAIR_COPY(N2)                                                              \
  __SIM_INLINE N2(const N2& o) {                                                         \
    *(__sim_pair_bits*)this = __sim_whole<unsigned>(*(const __sim_pair_bits*)&o);        \
  }                                                                                      \
  __SIM_INLINE N2& operator=(const N2& o) {                                              \
    *(__sim_pair_bits*)this = __sim_whole<unsigned>(*(const __sim_pair_bits*)&o);        \
    return *this;                                                                        \
  }
#else
#define __SIM_PAIR_COPY(N2)
#endif
#define __SIM_HALF_PAIR(N2, N)                                                           \
  struct alignas(4) N2 {                                                                 \
    typedef void __sim_solid;                                                            \
    N x, y;                                                                              \
    N2() = default;                                                                      \
    __SIM_INLINE N2(N a, N b) : x(a), y(b) {}                                            \
    __SIM_PAIR_COPY(N2)                                                                  \
  };                                                                                     \
  __SIM_HALF_PAIR_OPERATOR(N2, +, __hadd2) __SIM_HALF_PAIR_OPERATOR(N2, -, __hsub2)      \
  __SIM_HALF_PAIR_OPERATOR(N2, *, __hmul2) __SIM_HALF_PAIR_OPERATOR(N2, /, __h2div)      \
  __SIM_INLINE N2 __hfma2(N2 a, N2 b, N2 c) { return N2(__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y)); } \
  __SIM_INLINE N2 __hmax2(N2 a, N2 b) { return N2(__hmax(a.x, b.x), __hmax(a.y, b.y)); } \
  __SIM_INLINE N2 __hmin2(N2 a, N2 b) { return N2(__hmin(a.x, b.x), __hmin(a.y, b.y)); } \
  __SIM_INLINE float __low2float(N2 a) { return (float)a.x; }                            \
  __SIM_INLINE float __high2float(N2 a) { return (float)a.y; }                           \
  __SIM_INLINE N2 __lowhigh2highlow(N2 a) { return N2(a.y, a.x); }
#define __SIM_HALF_PAIR_OPERATOR(N2, OP, NAME)                                           \
  __SIM_INLINE N2 operator OP(const N2& a, const N2& b) { return N2(a.x OP b.x, a.y OP b.y); } \
  __SIM_INLINE N2 NAME(N2 a, N2 b) { return a OP b; }
