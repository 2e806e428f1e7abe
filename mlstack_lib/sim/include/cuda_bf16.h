/* __nv_bfloat16 and __nv_bfloat162: the upper half of an f32. */
#pragma once
#pragma GCC system_header
#include "half_common.h"

__SIM_HALF_TYPE(__nv_bfloat16, __sim_float_to_bf16, __sim_bf16_to_float)
__SIM_HALF_PAIR(__nv_bfloat162, __nv_bfloat16)
typedef __nv_bfloat16 nv_bfloat16;
typedef __nv_bfloat162 nv_bfloat162;

__SIM_INLINE __nv_bfloat16 __float2bfloat16(float f) { return __nv_bfloat16(f); }
__SIM_INLINE __nv_bfloat16 __float2bfloat16_rn(float f) { return __nv_bfloat16(f); }
__SIM_INLINE __nv_bfloat16 __double2bfloat16(double f) { return __nv_bfloat16(f); }
__SIM_INLINE float __bfloat162float(__nv_bfloat16 b) { return (float)b; }
__SIM_INLINE __nv_bfloat16 __int2bfloat16_rn(int i) { return __nv_bfloat16(i); }
__SIM_INLINE int __bfloat162int_rz(__nv_bfloat16 b) { return __float2int_rz((float)b); }
__SIM_INLINE unsigned short __bfloat16_as_ushort(__nv_bfloat16 b) { return b.__x; }
__SIM_INLINE short __bfloat16_as_short(__nv_bfloat16 b) { return (short)b.__x; }
__SIM_INLINE __nv_bfloat16 __ushort_as_bfloat16(unsigned short u) {
  __nv_bfloat16 b;
  b.__x = u;
  return b;
}
__SIM_INLINE __nv_bfloat162 __floats2bfloat162_rn(float a, float b) {
  return __nv_bfloat162(__nv_bfloat16(a), __nv_bfloat16(b));
}
__SIM_INLINE __nv_bfloat162 __float22bfloat162_rn(float2 v) { return __floats2bfloat162_rn(v.x, v.y); }
__SIM_INLINE __nv_bfloat162 __float2bfloat162_rn(float f) { return __floats2bfloat162_rn(f, f); }
__SIM_INLINE float2 __bfloat1622float2(__nv_bfloat162 b) { return make_float2((float)b.x, (float)b.y); }
__SIM_INLINE __nv_bfloat162 __halves2bfloat162(__nv_bfloat16 a, __nv_bfloat16 b) {
  return __nv_bfloat162(a, b);
}
__SIM_INLINE __nv_bfloat162 __bfloat162bfloat162(__nv_bfloat16 a) { return __nv_bfloat162(a, a); }
__SIM_INLINE __nv_bfloat162 make_bfloat162(__nv_bfloat16 a, __nv_bfloat16 b) {
  return __nv_bfloat162(a, b);
}
__SIM_INLINE __nv_bfloat16 __low2bfloat16(__nv_bfloat162 b) { return b.x; }
__SIM_INLINE __nv_bfloat16 __high2bfloat16(__nv_bfloat162 b) { return b.y; }
