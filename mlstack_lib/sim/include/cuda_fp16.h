/* __half and __half2: IEEE 754 binary16. */
#pragma once
#pragma GCC system_header
#include "half_common.h"

__SIM_HALF_TYPE(__half, __sim_float_to_half, __sim_half_to_float)
__SIM_HALF_PAIR(__half2, __half)
typedef __half half;
typedef __half2 half2;

__SIM_INLINE __half __float2half(float f) { return __half(f); }
__SIM_INLINE __half __float2half_rn(float f) { return __half(f); }
__SIM_INLINE __half __double2half(double f) { return __half(f); }
__SIM_INLINE float __half2float(__half h) { return (float)h; }
__SIM_INLINE __half __int2half_rn(int i) { return __half(i); }
__SIM_INLINE int __half2int_rn(__half h) { return __float2int_rn((float)h); }
__SIM_INLINE int __half2int_rz(__half h) { return __float2int_rz((float)h); }
__SIM_INLINE unsigned short __half_as_ushort(__half h) { return h.__x; }
__SIM_INLINE short __half_as_short(__half h) { return (short)h.__x; }
__SIM_INLINE __half __ushort_as_half(unsigned short u) { __half h; h.__x = u; return h; }
__SIM_INLINE __half __short_as_half(short u) { return __ushort_as_half((unsigned short)u); }
__SIM_INLINE __half2 __floats2half2_rn(float a, float b) { return __half2(__half(a), __half(b)); }
__SIM_INLINE __half2 __float22half2_rn(float2 v) { return __floats2half2_rn(v.x, v.y); }
__SIM_INLINE __half2 __float2half2_rn(float f) { return __floats2half2_rn(f, f); }
__SIM_INLINE float2 __half22float2(__half2 h) { return make_float2((float)h.x, (float)h.y); }
__SIM_INLINE __half2 __halves2half2(__half a, __half b) { return __half2(a, b); }
__SIM_INLINE __half2 __half2half2(__half a) { return __half2(a, a); }
__SIM_INLINE __half2 make_half2(__half a, __half b) { return __half2(a, b); }
__SIM_INLINE __half __low2half(__half2 h) { return h.x; }
__SIM_INLINE __half __high2half(__half2 h) { return h.y; }
