/* Atomics, and the conversions of 16-bit floating point. */

template <class T>
INLINE T as(u64 bits) {
  T x;
  memcpy(&x, &bits, sizeof x);
  return x;
}
template <class T>
INLINE u64 bits_of(T x) {
  u64 bits = 0;
  memcpy(&bits, &x, sizeof x);
  return bits;
}
template <class T>
static u64 added_or_limited(int op, u64 old, u64 value) {
  T a = as<T>(old), b = as<T>(value);
  if (op == __sim_add) return bits_of<T>(a + b);
  if (op == __sim_min) return bits_of<T>(b < a ? b : a);
  return bits_of<T>(b > a ? b : a);
}
static u64 updated(int op, int type, u64 old, u64 value, u64 compare) {
  switch (op) {
    case __sim_exch: return value;
    case __sim_cas: return old == compare ? value : old;
    case __sim_and: return old & value;
    case __sim_or: return old | value;
    case __sim_xor: return old ^ value;
    case __sim_inc: return (u32)old >= (u32)value ? 0 : old + 1;
    case __sim_dec: return !old || (u32)old > (u32)value ? value : old - 1;
    default: break;
  }
  switch (type) {
    case __sim_i32: return added_or_limited<int>(op, old, value);
    case __sim_u32: return added_or_limited<u32>(op, old, value);
    case __sim_i64: return added_or_limited<long long>(op, old, value);
    case __sim_f32: return added_or_limited<float>(op, old, value);
    case __sim_f64: return added_or_limited<double>(op, old, value);
    default: return added_or_limited<u64>(op, old, value);
  }
}
template <class U>
static u64 update(void* p, int op, int type, u64 value, u64 compare) {
  U old = __atomic_load_n((U*)p, __ATOMIC_SEQ_CST), now;
  do now = (U)updated(op, type, old, value, compare);
  while (!__atomic_compare_exchange_n((U*)p, &old, now, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
  return old;
}
API u64 __sim_atomic(int op, int type, void* p, u64 value, u64 compare, int line) {
  Worker* w = self;
  bool wide = type == __sim_i64 || type == __sim_u64_ || type == __sim_f64, global = false;
  u32 size = wide ? 8 : 4;
  if (w->checking) {
    Fiber* f = w->current;
    Site site = line_site(line);
    Memory memory = check(w, f, (char*)p, size, UPDATES, site);
    global = memory == DEVICE_MEMORY;
    if (global) publish(w);
    log_memory(w, f, memory, (char*)p, size, UPDATES, site);
  }
  count_event(w, ATOMIC, line);
  u64 old =
      wide ? update<u64>(p, op, type, value, compare) : update<u32>(p, op, type, value, compare);
  if (global) look(w);
  return old;
}

// ---- binary16, by hand: compilers call a library of their own for it on some processors ----
API float __sim_half_to_float(unsigned short h) {
  u32 sign = (u32)(h >> 15) << 31, exponent = h >> 10 & 31, fraction = h & 1023, bits;
  if (exponent == 31) {
    bits = 0x7f800000u | fraction << 13;
  } else if (exponent) {
    bits = (exponent + 112) << 23 | fraction << 13;
  } else {  // subnormal: fraction * 2^-24, exact in f32
    float small = (float)fraction * 5.9604644775390625e-8f;
    memcpy(&bits, &small, 4);
  }
  bits |= sign;
  float f;
  memcpy(&f, &bits, 4);
  return f;
}
API unsigned short __sim_float_to_half(float f) {
  u32 bits;
  memcpy(&bits, &f, 4);
  u32 sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000u) return 0x7fff;  // NVIDIA's NaN
  if (magnitude >= 0x477ff000u) return (unsigned short)(sign | 0x7c00);  // rounds to infinity
  if (magnitude <
      0x38800000u) {  // subnormal: adding 0.5 leaves units of 2^-24 in the last bits, rounded
    float small;
    memcpy(&small, &magnitude, 4);
    small += 0.5f;
    memcpy(&bits, &small, 4);
    return (unsigned short)(sign | (bits - 0x3f000000u));
  }
  magnitude += 0xfff + (magnitude >> 13 & 1);  // to the nearest, ties to even
  return (unsigned short)(sign | ((magnitude - 0x38000000u) >> 13));
}
