/* float4 and its relatives, and dim3.

   A copy of a whole vector must be one access to memory, as it is on a GPU. A plain structure would be
   copied member by member (g++) or by memcpy (clang), and every float4 load would look four times as
   expensive as it is; so a vector copies itself as one number of its size. */
#pragma once
#pragma GCC system_header

// What compilers make of numbers in braces. As on a GPU a vector has no constructor, so float4{a, b, c, d} is
// one and float4(a, b, c, d) is none: there make_float4 serves.
namespace std {
template <class T> class initializer_list {
  const T* first;
  __SIZE_TYPE__ count;
#if !defined(__clang__)
  constexpr initializer_list(const T* first, __SIZE_TYPE__ count) : first(first), count(count) {}
#endif
 public:
  constexpr const T* begin() const { return first; }
  constexpr __SIZE_TYPE__ size() const { return count; }
};
}  // namespace std
__attribute__((error("more numbers in braces than the vector has"))) void __sim_surplus();
template <int I, int N, class T> __SIM_INLINE constexpr T __sim_in_braces(std::initializer_list<T> numbers) {
  if (numbers.size() > N) __sim_surplus();
  return numbers.size() > I ? numbers.begin()[I] : T();
}

template <int SIZE> struct __sim_chunk;
template <> struct __sim_chunk<2> { typedef unsigned short type; };
template <> struct __sim_chunk<4> { typedef unsigned type; };
template <> struct __sim_chunk<8> { typedef unsigned long long type; };
template <> struct __sim_chunk<16> { typedef __sim_u32x4 type; };

#if defined(__clang__)
// clang would read only the parts that are used, one by one, if it saw through this
#if defined(__x86_64__)
#define __SIM_WIDE_REGISTER "+x"
#else
#define __SIM_WIDE_REGISTER "+w"
#endif
template <class T> __SIM_INLINE T __sim_whole(T v) { __asm__("" : "+r"(v)); return v; }
__SIM_INLINE __sim_u32x4 __sim_whole(__sim_u32x4 v) { __asm__("" : __SIM_WIDE_REGISTER(v)); return v; }
#define __SIM_VECTOR_COPY(NAME)                                                     \
  NAME() = default;                                                                 \
  __SIM_INLINE NAME(const NAME& o) { __sim_raw = __sim_whole(o.__sim_raw); }        \
  __SIM_INLINE NAME& operator=(const NAME& o) {                                     \
    __sim_raw = __sim_whole(o.__sim_raw);                                           \
    return *this;                                                                   \
  }
// g++ copies a union that has such a number for a member at once by itself, if told by
// -fno-tree-sra not to take it apart; then the line is the learner's.
#else
#define __SIM_VECTOR_COPY(NAME) NAME() = default;
#endif
#define __SIM_VECTOR1(NAME, T)                                                      \
  struct NAME { T x; };                                                             \
  __SIM_INLINE NAME make_##NAME(T x) { return NAME{x}; }
#define __SIM_VECTOR2(NAME, T)                                                      \
  struct alignas(2 * sizeof(T)) NAME {                                              \
    typedef void __sim_solid;                                                       \
    union { struct { T x, y; }; __sim_chunk<2 * sizeof(T)>::type __sim_raw; };      \
    constexpr NAME(T a, T b) = delete;                                              \
    __SIM_INLINE constexpr NAME(std::initializer_list<T> v)                         \
      : x(__sim_in_braces<0, 2>(v)), y(__sim_in_braces<1, 2>(v)) {}                 \
    __SIM_VECTOR_COPY(NAME)                                                         \
  };                                                                                \
  __SIM_INLINE NAME make_##NAME(T x, T y) { return NAME{x, y}; }
#define __SIM_VECTOR3(NAME, T)                                                      \
  struct NAME { T x, y, z; };                                                       \
  __SIM_INLINE NAME make_##NAME(T x, T y, T z) { return NAME{x, y, z}; }
#define __SIM_VECTOR4(NAME, T)                                                      \
  struct alignas(4 * sizeof(T)) NAME {                                              \
    typedef void __sim_solid;                                                       \
    union { struct { T x, y, z, w; }; __sim_chunk<4 * sizeof(T)>::type __sim_raw; }; \
    constexpr NAME(T a, T b, T c, T d) = delete;                                    \
    __SIM_INLINE constexpr NAME(std::initializer_list<T> v)                         \
      : x(__sim_in_braces<0, 4>(v)), y(__sim_in_braces<1, 4>(v)),                   \
        z(__sim_in_braces<2, 4>(v)), w(__sim_in_braces<3, 4>(v)) {}                 \
    __SIM_VECTOR_COPY(NAME)                                                         \
  };                                                                                \
  __SIM_INLINE NAME make_##NAME(T x, T y, T z, T w) { return NAME{x, y, z, w}; }
// Four 8-byte numbers: two accesses of 16 bytes, which is what a GPU makes of them as well.
#define __SIM_VECTOR4_WIDE(NAME, T)                                                 \
  struct alignas(16) NAME {                                                         \
    typedef void __sim_solid;                                                       \
    union { struct { T x, y, z, w; }; __sim_pair_chunk __sim_raw; };                \
    constexpr NAME(T a, T b, T c, T d) = delete;                                    \
    __SIM_INLINE constexpr NAME(std::initializer_list<T> v)                         \
      : x(__sim_in_braces<0, 4>(v)), y(__sim_in_braces<1, 4>(v)),                   \
        z(__sim_in_braces<2, 4>(v)), w(__sim_in_braces<3, 4>(v)) {}                 \
    NAME() = default;                                                               \
    __SIM_INLINE NAME(const NAME& o) {                                              \
      __sim_raw.low = o.__sim_raw.low;                                              \
      __sim_raw.high = o.__sim_raw.high;                                            \
    }                                                                               \
    __SIM_INLINE NAME& operator=(const NAME& o) {                                   \
      __sim_raw.low = o.__sim_raw.low;                                              \
      __sim_raw.high = o.__sim_raw.high;                                            \
      return *this;                                                                 \
    }                                                                               \
  };                                                                                \
  __SIM_INLINE NAME make_##NAME(T x, T y, T z, T w) { return NAME{x, y, z, w}; }
struct __sim_pair_chunk { __sim_u32x4 low, high; };
#define __SIM_VECTORS(NAME, T, FOUR)                                                \
  __SIM_VECTOR1(NAME##1, T) __SIM_VECTOR2(NAME##2, T) __SIM_VECTOR3(NAME##3, T) FOUR(NAME##4, T)

__SIM_VECTORS(char, signed char, __SIM_VECTOR4)
__SIM_VECTORS(uchar, unsigned char, __SIM_VECTOR4)
__SIM_VECTORS(short, short, __SIM_VECTOR4)
__SIM_VECTORS(ushort, unsigned short, __SIM_VECTOR4)
__SIM_VECTORS(int, int, __SIM_VECTOR4)
__SIM_VECTORS(float, float, __SIM_VECTOR4)
__SIM_VECTORS(longlong, long long, __SIM_VECTOR4_WIDE)
__SIM_VECTORS(ulonglong, unsigned long long, __SIM_VECTOR4_WIDE)
__SIM_VECTORS(double, double, __SIM_VECTOR4_WIDE)
__SIM_VECTOR1(uint1, unsigned)
__SIM_VECTOR2(uint2, unsigned)
__SIM_INLINE uint3 make_uint3(unsigned x, unsigned y, unsigned z) { return uint3{x, y, z}; }
__SIM_VECTOR4(uint4, unsigned)

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
  constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z) {}
  constexpr operator uint3() const { return uint3{x, y, z}; }
};
