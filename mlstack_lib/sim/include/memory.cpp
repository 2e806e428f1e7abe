/* Device memory, and the shared memory of a block.

   Device arrays lie in one large reservation of addresses, each in granules of its own with
   inaccessible room around it, so that one look in a table says which array an address belongs to or
   came from. An array is pushed against the end of a page: even without checks a kernel faults within
   255 bytes past its end. */

static const u64 DEVICE_SIZE = 1ull << 34, GRANULE = 1u << 18, GRANULES = DEVICE_SIZE / GRANULE;
static const u32 SHARED_SIZE = 1u << 20, DYNAMIC = 1u << 19;  // the dynamic array has its own half
static const u32 STATIC_LIMIT = 48 << 10;

struct Bounds {
  u64 low, high;
};
struct SharedBounds {
  u32 low, high;
};
static char* device;  // the reservation
static u64* device_words;  // a record for every 4 bytes of it; see races.cpp
static Bounds* device_bounds;  // by granule
static u32* device_array;  // by granule: the array's number, which is its first granule
static u32* device_granules;  // by first granule: how many are taken, 0 if free

// Threads of Python's may allocate and free at the same time: the calls leave its lock.
static pthread_mutex_t device_mutex = PTHREAD_MUTEX_INITIALIZER;
struct DeviceLock {
  DeviceLock() { pthread_mutex_lock(&device_mutex); }
  ~DeviceLock() { pthread_mutex_unlock(&device_mutex); }
};

static ArrayInfo shared_array[256];
static u32 shared_arrays;
static u16 shared_id[SHARED_SIZE / RED_ZONE];
static SharedBounds shared_bounds[SHARED_SIZE / RED_ZONE];

static char* reserve(u64 size, int protection) {
  void* p = mmap(0, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return p == MAP_FAILED ? 0 : (char*)p;
}
// Give the pages back: they read as zero again, or not at all.
static void forget(char* p, u64 size, int protection) {
  mmap(p, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

// ---- device arrays ----
static bool device_start() {
  if (device) return true;
  page = (u32)sysconf(_SC_PAGESIZE);
  char* memory = reserve(DEVICE_SIZE, PROT_NONE);
  device_words = (u64*)reserve(DEVICE_SIZE / 4 * sizeof(u64), PROT_READ | PROT_WRITE);
  device_bounds = (Bounds*)calloc(GRANULES, sizeof(Bounds));
  device_array = (u32*)calloc(GRANULES, sizeof(u32));
  device_granules = (u32*)calloc(GRANULES, sizeof(u32));
  if (!memory || !device_words || !device_bounds || !device_array || !device_granules) return false;
  device = memory;
  return true;
}
// First fit, from granule 1 on: number 0 means no array.
static u64 free_run(u64 wanted) {
  u64 run = 0;
  for (u64 i = 1; i < GRANULES;) {
    if (device_granules[i]) {
      i += device_granules[i];
      run = 0;
      continue;
    }
    if (++run == wanted) return i + 1 - wanted;
    i++;
  }
  return 0;
}
API void* sim_allocate(u64 size) {
  DeviceLock lock;
  if (!device_start()) return 0;
  u64 wanted = (size + page - 1) / GRANULE + 3;  // one granule before it and one after
  u64 first = free_run(wanted);
  if (!first) return 0;
  u64 end = (GRANULE + size + page - 1) / page * page;
  char* p = device + first * GRANULE + ((end - size) & ~255ull);
  char* low = (char*)((u64)p & ~(u64)(page - 1));
  char* high = device + first * GRANULE + end;
  if (size && mprotect(low, high - low, PROT_READ | PROT_WRITE)) return 0;
  for (u64 i = first; i < first + wanted; i++) {
    device_array[i] = (u32)first;
    device_bounds[i] = Bounds{(u64)p, (u64)p + size};
  }
  device_granules[first] = (u32)wanted;
  return p;
}
INLINE bool on_device(const void* p) {
  return device && (u64)((const char*)p - device) < DEVICE_SIZE;
}
INLINE u64 granule_of(const void* p) { return (u64)((const char*)p - device) / GRANULE; }
API void sim_free(void* p) {
  DeviceLock lock;
  u64 first = device_array[granule_of(p)], count = device_granules[first];
  forget(device + first * GRANULE, count * GRANULE, PROT_NONE);
  forget((char*)(device_words + first * GRANULE / 4), count * GRANULE / 4 * sizeof(u64),
         PROT_READ | PROT_WRITE);
  for (u64 i = first; i < first + count; i++) {
    device_array[i] = 0;
    device_bounds[i] = Bounds{0, 0};
  }
  device_granules[first] = 0;
}
API void* sim_device_memory() { return device; }
// The number of the array that an address belongs to or lies beside, 0 for none, and its bounds.
API u32 sim_array_at(const void* p, u64* low, u64* high) {
  if (!on_device(p)) return 0;
  Bounds bounds = device_bounds[granule_of(p)];
  *low = bounds.low;
  *high = bounds.high;
  return device_array[granule_of(p)];
}

// ---- shared arrays: a place in the arena for the whole launch, the same in every block ----
static u32 shared_register(const ArrayInfo& info) {
  u32 id = ++shared_arrays & 255;
  shared_array[id] = info;
  u32 low = (u32)info.base, high = low + (u32)info.size;
  for (u32 i = low / RED_ZONE; i < (high + RED_ZONE - 1) / RED_ZONE; i++) {
    shared_id[i] = (u16)id;
    shared_bounds[i] = SharedBounds{low, high};
  }
  return id;
}
static ArrayInfo shared_info(const char* name, u32 base, u32 size, u32 element, int line) {
  ArrayInfo info;
  memset(&info, 0, sizeof info);
  strncpy(info.name, name, sizeof info.name - 1);
  info.base = base;
  info.size = size;
  info.element = element;
  info.line = line;
  return info;
}
// Each block begins with 0xff in all its bytes, which is NaN, and with nothing written.
static void fill(Worker* w, u32 from, u32 to) {
  memset(w->shared + from, 0xff, to - from);
  if (w->checking) memset(w->written + from, 0, to - from);
}
static void shared_limit(Worker* w, u32 total, int line);
static u32 place_shared(Worker* w, __sim_shared_array* array) {
  pthread_mutex_lock(&mutex);
  if (array->launch != launch.serial) {
    array->offset = launch.static_top;
    launch.static_top += (array->size + RED_ZONE - 1) / RED_ZONE * RED_ZONE + RED_ZONE;
    if (launch.static_top <= DYNAMIC) {
      ArrayInfo info =
          shared_info(array->name, array->offset, array->size, array->element, (int)array->line);
      memcpy(info.dims, array->dims, sizeof info.dims);
      info.padded = (int)array->padded;
      array->id = shared_register(info);
    }
    __atomic_store_n(&array->launch, launch.serial, __ATOMIC_RELEASE);
  }
  u32 total = launch.static_top > DYNAMIC ? array->size : 0;
  for (u32 i = 1; i <= shared_arrays; i++)
    total += shared_array[i].dynamic ? 0 : (u32)shared_array[i].size;
  pthread_mutex_unlock(&mutex);
  if (total > STATIC_LIMIT) shared_limit(w, total, (int)array->line);
  return array->offset;
}
API void* __sim_shared(__sim_shared_array* array) {
  Worker* w = self;
  if (UNLIKELY(__atomic_load_n(&array->launch, __ATOMIC_ACQUIRE) != launch.serial))
    place_shared(w, array);
  u32 end = array->offset + array->size;
  if (UNLIKELY(w->filled < end)) {
    fill(w, w->filled, end);
    w->filled = end;
  }
  return w->shared + array->offset;
}
API void* __sim_dynamic_shared(const char* name, unsigned element, unsigned line) {
  Worker* w = self;
  if (UNLIKELY(!__atomic_load_n(&launch.dynamic_known, __ATOMIC_ACQUIRE))) {
    pthread_mutex_lock(&mutex);
    if (!launch.dynamic_known) {
      ArrayInfo info = shared_info(name, DYNAMIC, launch.p.dynamic_shared, element, (int)line);
      info.dynamic = 1;
      shared_register(info);
      __atomic_store_n(&launch.dynamic_known, true, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&mutex);
  }
  return w->shared + DYNAMIC;
}
