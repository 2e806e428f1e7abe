/* CUDA's arithmetic functions: libm under its own names, and intrinsics.

   Last bits differ from a GPU's: its __expf, rsqrtf and their like are less exact. */
#pragma once
#pragma GCC system_header

// ---- libm: `name` for f64, `namef` for f32, and `name` for f32 as an overload ----
#define __SIM_MATH1(N) \
  extern "C" double N(double) noexcept; extern "C" float N##f(float) noexcept; \
  __SIM_INLINE float N(float x) { return N##f(x); }
#define __SIM_MATH2(N) \
  extern "C" double N(double, double) noexcept; extern "C" float N##f(float, float) noexcept; \
  __SIM_INLINE float N(float x, float y) { return N##f(x, y); } \
  __SIM_INLINE double N(float x, double y) { return N((double)x, y); } \
  __SIM_INLINE double N(double x, float y) { return N(x, (double)y); }
__SIM_MATH1(acos) __SIM_MATH1(acosh) __SIM_MATH1(asin) __SIM_MATH1(asinh) __SIM_MATH1(atan)
__SIM_MATH1(atanh) __SIM_MATH1(cbrt) __SIM_MATH1(ceil) __SIM_MATH1(cos) __SIM_MATH1(cosh)
__SIM_MATH1(erf) __SIM_MATH1(erfc) __SIM_MATH1(exp) __SIM_MATH1(exp2) __SIM_MATH1(expm1)
__SIM_MATH1(fabs) __SIM_MATH1(floor) __SIM_MATH1(lgamma) __SIM_MATH1(log) __SIM_MATH1(log10)
__SIM_MATH1(log1p) __SIM_MATH1(log2) __SIM_MATH1(logb) __SIM_MATH1(nearbyint) __SIM_MATH1(rint)
__SIM_MATH1(round) __SIM_MATH1(sin) __SIM_MATH1(sinh) __SIM_MATH1(sqrt) __SIM_MATH1(tan)
__SIM_MATH1(tanh) __SIM_MATH1(tgamma) __SIM_MATH1(trunc)
__SIM_MATH2(atan2) __SIM_MATH2(copysign) __SIM_MATH2(fdim) __SIM_MATH2(fmax) __SIM_MATH2(fmin)
__SIM_MATH2(fmod) __SIM_MATH2(hypot) __SIM_MATH2(nextafter) __SIM_MATH2(pow) __SIM_MATH2(remainder)
extern "C" {
double fma(double, double, double) noexcept;
float fmaf(float, float, float) noexcept;
double ldexp(double, int) noexcept;
float ldexpf(float, int) noexcept;
double frexp(double, int*) noexcept;
float frexpf(float, int*) noexcept;
double modf(double, double*) noexcept;
float modff(float, float*) noexcept;
long lrintf(float) noexcept;
long lroundf(float) noexcept;
int abs(int) noexcept;
long labs(long) noexcept;
long long llabs(long long) noexcept;
}
__SIM_INLINE float fma(float a, float b, float c) { return fmaf(a, b, c); }
__SIM_INLINE float ldexp(float x, int n) { return ldexpf(x, n); }
__SIM_INLINE float pow(float x, int n) { return powf(x, (float)n); }
__SIM_INLINE double pow(double x, int n) { return pow(x, (double)n); }
__SIM_INLINE float abs(float x) { return __builtin_fabsf(x); }
__SIM_INLINE double abs(double x) { return __builtin_fabs(x); }
__SIM_INLINE long long abs(long long x) { return x < 0 ? -x : x; }
__SIM_INLINE long abs(long x) { return x < 0 ? -x : x; }

// ---- what libm does not have ----
__SIM_INLINE float exp10f(float x) { return powf(10.0f, x); }
__SIM_INLINE double exp10(double x) { return pow(10.0, x); }
__SIM_INLINE float rsqrtf(float x) { return 1.0f / __builtin_sqrtf(x); }
__SIM_INLINE double rsqrt(double x) { return 1.0 / __builtin_sqrt(x); }
__SIM_INLINE float rsqrt(float x) { return rsqrtf(x); }
__SIM_INLINE float rcbrtf(float x) { return 1.0f / cbrtf(x); }
__SIM_INLINE float normcdff(float x) { return 0.5f * erfcf(x * -0.70710678f); }
__SIM_INLINE double normcdf(double x) { return 0.5 * erfc(x * -0.70710678118654752); }
__SIM_INLINE void sincosf(float x, float* s, float* c) { *s = sinf(x); *c = cosf(x); }
__SIM_INLINE void sincos(double x, double* s, double* c) { *s = sin(x); *c = cos(x); }
__SIM_INLINE float fdividef(float a, float b) { return a / b; }
#define __SIM_CLASSIFY(N) \
  __SIM_INLINE bool N(float x) { return __builtin_##N(x); } \
  __SIM_INLINE bool N(double x) { return __builtin_##N(x); }
__SIM_CLASSIFY(isnan) __SIM_CLASSIFY(isinf) __SIM_CLASSIFY(isfinite) __SIM_CLASSIFY(signbit)

#define __SIM_MIN_MAX(A, B, R) \
  __SIM_INLINE constexpr R max(A a, B b) { return (R)a > (R)b ? (R)a : (R)b; } \
  __SIM_INLINE constexpr R min(A a, B b) { return (R)a < (R)b ? (R)a : (R)b; }
#define __SIM_MIN_MAX3(I, U) __SIM_MIN_MAX(I, I, I) __SIM_MIN_MAX(U, U, U) __SIM_MIN_MAX(I, U, U) __SIM_MIN_MAX(U, I, U)
__SIM_MIN_MAX3(int, unsigned)
__SIM_MIN_MAX3(long, unsigned long)
__SIM_MIN_MAX3(long long, unsigned long long)
__SIM_INLINE float max(float a, float b) { return fmaxf(a, b); }
__SIM_INLINE float min(float a, float b) { return fminf(a, b); }
__SIM_INLINE double max(double a, double b) { return fmax(a, b); }
__SIM_INLINE double min(double a, double b) { return fmin(a, b); }
__SIM_INLINE double max(float a, double b) { return fmax((double)a, b); }
__SIM_INLINE double max(double a, float b) { return fmax(a, (double)b); }
__SIM_INLINE double min(float a, double b) { return fmin((double)a, b); }
__SIM_INLINE double min(double a, float b) { return fmin(a, (double)b); }
__SIM_INLINE unsigned umax(unsigned a, unsigned b) { return max(a, b); }
__SIM_INLINE unsigned umin(unsigned a, unsigned b) { return min(a, b); }

// ---- fast and rounding intrinsics ----
__SIM_INLINE float __expf(float x) { return expf(x); }
__SIM_INLINE float __exp10f(float x) { return exp10f(x); }
__SIM_INLINE float __logf(float x) { return logf(x); }
__SIM_INLINE float __log2f(float x) { return log2f(x); }
__SIM_INLINE float __log10f(float x) { return log10f(x); }
__SIM_INLINE float __powf(float x, float y) { return powf(x, y); }
__SIM_INLINE float __sinf(float x) { return sinf(x); }
__SIM_INLINE float __cosf(float x) { return cosf(x); }
__SIM_INLINE float __tanf(float x) { return tanf(x); }
__SIM_INLINE float __tanhf(float x) { return tanhf(x); }
__SIM_INLINE void __sincosf(float x, float* s, float* c) { sincosf(x, s, c); }
__SIM_INLINE float __fdividef(float a, float b) { return a / b; }
__SIM_INLINE float __saturatef(float x) { return x > 0.0f ? (x < 1.0f ? x : 1.0f) : 0.0f; }
__SIM_INLINE float __frcp_rn(float x) { return 1.0f / x; }
__SIM_INLINE float __fsqrt_rn(float x) { return __builtin_sqrtf(x); }
__SIM_INLINE float __frsqrt_rn(float x) { return rsqrtf(x); }
__SIM_INLINE float __fadd_rn(float a, float b) { return a + b; }
__SIM_INLINE float __fsub_rn(float a, float b) { return a - b; }
__SIM_INLINE float __fmul_rn(float a, float b) { return a * b; }
__SIM_INLINE float __fdiv_rn(float a, float b) { return a / b; }
__SIM_INLINE float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
__SIM_INLINE double __fma_rn(double a, double b, double c) { return fma(a, b, c); }

// ---- conversions: out of range goes to the nearest limit and NaN to 0, as on a GPU ----
template <class I, class F>
__SIM_INLINE I __sim_to_whole(F x, F low, F high) {
  return x != x ? (I)0 : x <= low ? (I)low : x >= high ? (I)((I)0 - 1 < (I)0 ? ~((I)1 << (sizeof(I) * 8 - 1)) : ~(I)0) : (I)x;
}
#define __SIM_ROUNDINGS(NAME, I, F, LOW, HIGH, SUFFIX) \
  __SIM_INLINE I NAME##_rn(F x) { return __sim_to_whole<I, F>(rint##SUFFIX(x), LOW, HIGH); } \
  __SIM_INLINE I NAME##_rz(F x) { return __sim_to_whole<I, F>(trunc##SUFFIX(x), LOW, HIGH); } \
  __SIM_INLINE I NAME##_rd(F x) { return __sim_to_whole<I, F>(floor##SUFFIX(x), LOW, HIGH); } \
  __SIM_INLINE I NAME##_ru(F x) { return __sim_to_whole<I, F>(ceil##SUFFIX(x), LOW, HIGH); }
__SIM_ROUNDINGS(__float2int, int, float, -2147483648.0f, 2147483648.0f, f)
__SIM_ROUNDINGS(__float2uint, unsigned, float, 0.0f, 4294967296.0f, f)
__SIM_ROUNDINGS(__float2ll, long long, float, -9223372036854775808.0f, 9223372036854775808.0f, f)
__SIM_ROUNDINGS(__double2int, int, double, -2147483648.0, 2147483647.0, )
__SIM_ROUNDINGS(__double2uint, unsigned, double, 0.0, 4294967295.0, )
__SIM_INLINE float __int2float_rn(int x) { return (float)x; }
__SIM_INLINE float __uint2float_rn(unsigned x) { return (float)x; }
__SIM_INLINE float __ll2float_rn(long long x) { return (float)x; }
__SIM_INLINE float __double2float_rn(double x) { return (float)x; }
#define __SIM_REINTERPRET(NAME, FROM, TO) \
  __SIM_INLINE TO NAME(FROM x) { TO y; __builtin_memcpy(&y, &x, sizeof(TO)); return y; }
__SIM_REINTERPRET(__float_as_int, float, int)
__SIM_REINTERPRET(__float_as_uint, float, unsigned)
__SIM_REINTERPRET(__int_as_float, int, float)
__SIM_REINTERPRET(__uint_as_float, unsigned, float)
__SIM_REINTERPRET(__double_as_longlong, double, long long)
__SIM_REINTERPRET(__longlong_as_double, long long, double)
// bf16, here because mma.cuh needs it too
__SIM_INLINE float __sim_bf16_to_float(unsigned short bits) {
  return __uint_as_float((unsigned)bits << 16);
}
// To the nearest, ties to even; NVIDIA's NaN is 0x7fff.
__SIM_INLINE unsigned short __sim_float_to_bf16(float f) {
  unsigned u = __float_as_uint(f);
  if ((u & 0x7fffffffu) > 0x7f800000u) return 0x7fff;
  return (unsigned short)((u + 0x7fffu + (u >> 16 & 1u)) >> 16);
}

// ---- whole numbers and bits ----
__SIM_INLINE int __popc(unsigned x) { return __builtin_popcount(x); }
__SIM_INLINE int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
__SIM_INLINE int __clz(int x) { return x ? __builtin_clz((unsigned)x) : 32; }
__SIM_INLINE int __clzll(long long x) { return x ? __builtin_clzll((unsigned long long)x) : 64; }
__SIM_INLINE int __ffs(int x) { return __builtin_ffs(x); }
__SIM_INLINE int __ffsll(long long x) { return __builtin_ffsll(x); }
__SIM_INLINE unsigned __brev(unsigned x) {
  unsigned r = 0;
  for (int i = 0; i < 32; i++) r |= (x >> i & 1u) << (31 - i);
  return r;
}
__SIM_INLINE int __mulhi(int a, int b) { return (int)((long long)a * b >> 32); }
__SIM_INLINE unsigned __umulhi(unsigned a, unsigned b) {
  return (unsigned)((unsigned long long)a * b >> 32);
}
__SIM_INLINE unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return (unsigned long long)((unsigned __int128)a * b >> 64);
}
__SIM_INLINE int __mul24(int a, int b) { return (a << 8 >> 8) * (b << 8 >> 8); }
__SIM_INLINE unsigned __byte_perm(unsigned x, unsigned y, unsigned selector) {
  unsigned long long both = (unsigned long long)y << 32 | x;
  unsigned r = 0;
  for (int i = 0; i < 4; i++) r |= (unsigned)(both >> (selector >> 4 * i & 7) * 8 & 255) << 8 * i;
  return r;
}
__SIM_INLINE unsigned __funnelshift_l(unsigned low, unsigned high, unsigned by) {
  return (unsigned)(((unsigned long long)high << 32 | low) << (by & 31) >> 32);
}
__SIM_INLINE unsigned __funnelshift_r(unsigned low, unsigned high, unsigned by) {
  return (unsigned)(((unsigned long long)high << 32 | low) >> (by & 31));
}
__SIM_INLINE int __dp4a(int a, int b, int c) {
  for (int i = 0; i < 4; i++) c += (int)(signed char)(a >> 8 * i) * (int)(signed char)(b >> 8 * i);
  return c;
}
