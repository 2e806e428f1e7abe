/* The hooks that `-fsanitize=thread` puts before every access to memory, and atomics.

   A local variable whose address stays in its function causes no hook, so tiles in registers are
   silent and fast. Others lie on the fiber's stack and are dropped here. */

COLD void report_access(Worker* w, int kind, const char* p, u32 size, int access, Site site,
                        int array, long long offset) {
  Finding* f = report(w, kind, site, 0, array);
  if (!f) return;
  f->access = access;
  f->size = (int)size;
  f->offset = offset;
  f->address = (u64)p;
}
static void bad_access(Worker* w, int kind, const char* p, u32 size, int access, Site site,
                       int array, long long offset) {
  report_access(w, kind, p, size, access, site, array, offset);
  leave(w);
}
COLD void bad_global(Worker* w, int kind, const char* p, u32 size, int access, Site site) {
  u64 low = 0, high = 0;
  int array = (int)sim_array_at(p, &low, &high);
  bad_access(w, kind, p, size, access, site, array, array ? (long long)((u64)p - low) : 0);
}
// The nearest array below, else above: an access in a red zone came from one of them.
COLD void bad_shared(Worker* w, int kind, u32 offset, u32 size, int access, Site site) {
  u32 i = offset / RED_ZONE;
  while (i && !shared_id[i]) i--;
  if (!shared_id[i])
    for (i = offset / RED_ZONE; i + 1 < SHARED_SIZE / RED_ZONE && !shared_id[i];) i++;
  u32 id = shared_id[i];
  bad_access(w, kind, w->shared + offset, size, access, site, id ? SHARED_ID + (int)id : 0,
             (long long)offset - (long long)shared_array[id].base);
}

// ---- shared memory: was it written? 0 no, 1 yes, 2 a cp.async is on its way ----
COLD void report_unwritten(Worker* w, u32 offset, u32 size, Site site) {
  u32 id = shared_id[offset / RED_ZONE], at = 0;
  while (w->written[offset + at] == 1) at++;
  bool in_flight = false, some = false;
  for (u32 i = 0; i < size; i++) {
    in_flight |= w->written[offset + i] == 2;
    some |= w->written[offset + i] == 1;
  }
  // a copy of a whole structure reads the bytes between its members too
  if (some && !in_flight && shared_array[id].padded) return;
  int kind = in_flight ? IN_FLIGHT : UNINITIALISED;
  report_access(w, kind, w->shared + offset, size, READS, site, SHARED_ID + (int)id,
                (long long)(offset + at) - (long long)shared_array[id].base);
}
INLINE bool all_written(const u8* written, u32 size) {
  u64 ones = 0x0101010101010101, found[2] = {ones, ones};
  memcpy(found, written, size);
  return ((found[0] ^ ones) | (found[1] ^ ones)) == 0;
}
INLINE void check_shared(Worker* w, Fiber* f, u32 offset, u32 size, int access, Site site) {
  SharedBounds bounds = shared_bounds[offset / RED_ZONE];
  if (UNLIKELY(offset < bounds.low || offset + size > bounds.high)) {
    bad_shared(w, OUT_OF_BOUNDS, offset, size, access, site);
  }
  if (UNLIKELY(size > 1 && (offset & (size - 1))))
    bad_shared(w, MISALIGNED, offset, size, access, site);
  if (access != WRITES && UNLIKELY(!all_written(w->written + offset, size)))
    report_unwritten(w, offset, size, site);
  if (access != READS) memset(w->written + offset, 1, size);
  check_shared_race(w, f, offset, size, access, site);
}
INLINE void check_global(Worker* w, const char* p, u32 size, int access, Site site) {
  Bounds bounds = device_bounds[granule_of(p)];
  if (UNLIKELY((u64)p < bounds.low || (u64)p + size > bounds.high))
    bad_global(w, OUT_OF_BOUNDS, p, size, access, site);
  if (UNLIKELY((u64)p & (size - 1))) bad_global(w, MISALIGNED, p, size, access, site);
}

// ---- any access ----
enum Memory { ELSEWHERE, SHARED_MEMORY, DEVICE_MEMORY };
// Neither shared nor device memory: the thread's own stack, a __device__ variable, or a mistake.
static __attribute__((noinline)) void check_elsewhere(Worker* w, Fiber* f, char* p, u32 size,
                                                      int access, Site site) {
  if ((u64)(p - f->stack) < STACK || (p >= w->module_low && p < w->module_high)) return;
  bool stacks = (u64)(p - w->stacks) < (u64)MAX_THREADS * (STACK + page);
  bad_access(w, stacks ? STACK_OVERFLOW : OUT_OF_BOUNDS, p, size, access, site, 0, 0);
}
// Bounds, alignment, initialisation and races of any access.
INLINE Memory check(Worker* w, Fiber* f, char* p, u32 size, int access, Site site) {
  if ((u64)(p - device) < DEVICE_SIZE) {
    check_global(w, p, size, access, site);
    check_global_race(w, f, p, size, access, site);
    return DEVICE_MEMORY;
  }
  u64 offset = (u64)(p - w->shared);
  if (offset < SHARED_SIZE) {
    check_shared(w, f, (u32)offset, size, access, site);
    return SHARED_MEMORY;
  }
  check_elsewhere(w, f, p, size, access, site);
  return ELSEWHERE;
}
INLINE void log_memory(Worker* w, Fiber* f, Memory memory, char* p, u32 size, int how, Site site) {
  if (memory == DEVICE_MEMORY) log_access(w, f, (u32)(p - device), size, how, GLOBAL, site);
  else if (memory == SHARED_MEMORY) log_access(w, f, (u32)(p - w->shared), size, how, SHARED, site);
}
INLINE void access(void* address, u32 size, int how, const void* pc) {
  Worker* w = self;
  if (UNLIKELY(!w || !w->checking)) return;
  Fiber* f = w->current;
  char* p = (char*)address;
  Site site = site_of(w, pc);
  log_memory(w, f, check(w, f, p, size, how, site), p, size, how, site);
}
// A volatile access to global memory is how blocks wait for each other's flags: like an atomic it
// races with plain accesses only, and orders what a fence published.
static void volatile_access(void* address, u32 size, int how, const void* pc) {
  Worker* w = self;
  if (UNLIKELY(!w || !w->checking)) return;
  if (!on_device(address)) {
    access(address, size, how, pc);
    return;
  }
  Fiber* f = w->current;
  char* p = (char*)address;
  Site site = site_of(w, pc);
  check_global(w, p, size, how, site);
  if (how == WRITES) {
    publish(w);
    check_global_race(w, f, p, size, UPDATES, site);
  } else {
    // the read comes after this hook: whatever is published until then may be seen
    looked[block_number(w->block_tag)] = ~0u;
  }
  log_access(w, f, (u32)(p - device), size, how, GLOBAL, site);
}
// The rarer hooks share one copy of the checks: 16 inlined ones would take seconds to compile.
static __attribute__((noinline)) void rare_access(void* p, u32 size, int how, const void* pc) {
  access(p, size, how, pc);
}
static void read_write(void* p, u32 size, const void* pc) {
  rare_access(p, size, READS, pc);
  rare_access(p, size, WRITES, pc);
}
// An access of many bytes, as the compiler's memcpy, or of several smaller numbers that a compiler
// joined and whose place it knows to be no multiple of their size: in the widest parts that fit.
static void access_range(const void* address, u64 size, int how, const void* pc) {
  for (char* p = (char*)address; size;) {
    u32 part = 16;
    while (part > size || (u64)p % part) part /= 2;
    rare_access(p, part, how, pc);
    p += part;
    size -= part;
  }
}

#define HOOKS(N)                                                                                \
  API void __tsan_read##N(void* p) { access(p, N, READS, HERE); }                               \
  API void __tsan_write##N(void* p) { access(p, N, WRITES, HERE); }                             \
  API void __tsan_unaligned_read##N(void* p) { access_range(p, N, READS, HERE); }               \
  API void __tsan_unaligned_write##N(void* p) { access_range(p, N, WRITES, HERE); }             \
  API void __tsan_volatile_read##N(void* p) { volatile_access(p, N, READS, HERE); }             \
  API void __tsan_volatile_write##N(void* p) { volatile_access(p, N, WRITES, HERE); }           \
  API void __tsan_unaligned_volatile_read##N(void* p) { volatile_access(p, N, READS, HERE); }   \
  API void __tsan_unaligned_volatile_write##N(void* p) { volatile_access(p, N, WRITES, HERE); } \
  API void __tsan_read_write##N(void* p) { read_write(p, N, HERE); }                            \
  API void __tsan_unaligned_read_write##N(void* p) {                                            \
    access_range(p, N, READS, HERE);                                                            \
    access_range(p, N, WRITES, HERE);                                                           \
  }
HOOKS(1) HOOKS(2) HOOKS(4) HOOKS(8) HOOKS(16) API void __tsan_init() {}
API void __tsan_func_entry(void*) {}
API void __tsan_func_exit() {}
API void __tsan_read_range(void* p, u64 n) { access_range(p, n, READS, HERE); }
API void __tsan_write_range(void* p, u64 n) { access_range(p, n, WRITES, HERE); }
API void* __tsan_memcpy(void* to, const void* from, u64 n) {
  access_range(from, n, READS, HERE);
  access_range(to, n, WRITES, HERE);
  return memcpy(to, from, n);
}
API void* __tsan_memmove(void* to, const void* from, u64 n) {
  access_range(from, n, READS, HERE);
  access_range(to, n, WRITES, HERE);
  return memmove(to, from, n);
}
API void* __tsan_memset(void* to, int value, u64 n) {
  access_range(to, n, WRITES, HERE);
  return memset(to, value, n);
}
