/* Requests to memory per source line: 32-byte sectors, and ways of bank conflicts. */

static Counter* merged;
static u32 merged_count;
static u64 merged_events[EVENTS], merged_blocks;

enum { KEY_SIZE = 15, KEY_STORE = 16, KEY_SPACE = 5 };  // log2 of the size, a bit, a shift
INLINE u32 access_key(Site site, int space, bool store, u32 size_log2) {
  return site << 8 | (u32)space << KEY_SPACE | (store ? KEY_STORE : 0) | size_log2;
}

// A table with open addressing; once it is three quarters full, further places are not counted.
static Counter* counter_of(Counter* table, u32* used, u32* count, u32 key) {
  for (u32 i = key * 2654435761u >> 20;; i++) {
    Counter* c = &table[i & (MAX_SITES - 1)];
    if (c->key == key + 1) return c;
    if (!c->key) {
      if (*count >= MAX_SITES / 4 * 3) return 0;
      if (used) used[*count] = i & (MAX_SITES - 1);
      ++*count;
      c->key = key + 1;  // 0 means free
      return c;
    }
  }
}
// Something counted by its line alone: a barrier, a shuffle.
static void count_event(Worker* w, int event, int line) {
  w->events[event]++;
  if (!w->checking) return;
  Counter* c = counter_of(w->counter, w->used, &w->counters,
                          access_key(line_site(line), EVENT, false, (u32)event));
  if (c) c->requests++;
}

// ---- one request ----
struct Span {
  u32 low, high;
};
INLINE Span span_among(const u32* address, u32 lanes) {
  Span span = {address[0], address[0]};
  for (u32 i = 0; i < lanes; i++) {
    span.low = address[i] < span.low ? address[i] : span.low;
    span.high = address[i] > span.high ? address[i] : span.high;
  }
  return span;
}
INLINE Span span_of(const u32* address, u32 lanes) {  // 32 at once, most often
  return LIKELY(lanes == 32) ? span_among(address, 32) : span_among(address, lanes);
}
// Every access is a multiple of its size, at most 16, and lies within one sector.
static u32 sectors_of(const u32* address, u32 lanes) {
  Span span = span_of(address, lanes);
  u32 first = span.low >> 5, distinct = 0;
  if (LIKELY((span.high >> 5) - first < 64)) {
    u64 seen = 0;
    for (u32 i = 0; i < lanes; i++) seen |= 1ull << ((address[i] >> 5) - first);
    return (u32)__builtin_popcountll(seen);
  }
  for (u32 i = 0; i < lanes; i++) {
    bool seen = false;
    for (u32 j = 0; j < i && !seen; j++) seen = (address[j] ^ address[i]) >> 5 == 0;
    distinct += !seen;
  }
  return distinct;
}
COLD u32 ways_of_conflict(const u32* address, u32 lanes, u32 unit_log2) {
  u32 count[32] = {0}, most = 0;
  for (u32 i = 0; i < lanes; i++) {
    u32 unit = address[i] >> unit_log2, *ways = &count[unit & ((128u >> unit_log2) - 1)];
    bool seen = false;
    for (u32 j = 0; j < i && !seen; j++) seen = address[j] >> unit_log2 == unit;
    *ways += !seen;
    most = *ways > most ? *ways : most;
  }
  return most;
}
// Shared memory has 32 banks of 4-byte words and gives one word a bank at a time, the same word to any
// number of lanes. Wider accesses are served 128 bytes at a time, lanes in halves or quarters; as they
// are multiples of their size, it is as if banks were that wide.
static u32 ways_of(const u32* address, u32 lanes, u32 unit_log2) {
  Span span = span_of(address, lanes);
  u32 in_bank[32], used = 0, banks = 128u >> unit_log2;
  if (LIKELY((span.high >> unit_log2) - (span.low >> unit_log2) < banks)) return 1;
  for (u32 i = 0; i < lanes; i++) {
    u32 unit = address[i] >> unit_log2, bank = unit & (banks - 1);
    if (!(used >> bank & 1)) in_bank[bank] = unit;
    else if (in_bank[bank] != unit) return ways_of_conflict(address, lanes, unit_log2);
    used |= 1u << bank;
  }
  return 1;
}
COLD void keep_worst(Worker* w, Counter* c, u32 worst, const u32* address, u32 active, u32 lanes) {
  u32 low = span_of(address, lanes).low;
  c->worst = worst;
  c->base = low;
  c->block = w->sequence;
  c->warp = w->turn;
  c->active = active;
  u32 i = 0;
  for (u32 m = active; m; m &= m - 1) c->offset[__builtin_ctz(m)] = address[i++] - low;
}
static void request(Worker* w, u32 key, const u32* address, u32 active, u32 lanes) {
  Counter* c = counter_of(w->counter, w->used, &w->counters, key);
  if (!c) return;
  u32 size = 1u << (key & KEY_SIZE), worst = 0;
  c->requests++;
  c->lanes += lanes;
  if ((key >> KEY_SPACE & 7) == GLOBAL) {
    worst = sectors_of(address, lanes);
    u32 ideal = (lanes * size + 31) / 32;
    c->moved += worst;
    c->ideal += ideal < worst ? ideal : worst;  // lanes that read the same word need less
  } else {
    u32 together = size <= 4 ? 32 : 128 / size;
    for (u32 i = 0; i < lanes; i += together) {
      u32 n = lanes - i < together ? lanes - i : together;
      u32 ways = ways_of(address + i, n, size <= 4 ? 2 : key & KEY_SIZE);
      c->moved += ways;
      c->ideal++;
      worst = ways > worst ? ways : worst;
    }
  }
  if (worst > c->worst) keep_worst(w, c, worst, address, active, lanes);
}

// ---- all workers together ----
static void merge_counters(Worker* w) {
  for (int i = 0; i < EVENTS; i++) merged_events[i] += w->events[i];
  merged_blocks += w->blocks;
  for (u32 i = 0; w->checking && i < w->counters; i++) {
    Counter* from = &w->counter[w->used[i]];
    Counter* to = counter_of(merged, 0, &merged_count, from->key - 1);
    if (!to) break;
    to->requests += from->requests;
    to->lanes += from->lanes;
    to->moved += from->moved;
    to->ideal += from->ideal;
    if (from->worst > to->worst || (from->worst == to->worst && from->block < to->block)) {
      to->worst = from->worst;
      to->base = from->base;
      to->block = from->block;
      to->warp = from->warp;
      to->active = from->active;
      memcpy(to->offset, from->offset, sizeof to->offset);
    }
  }
}
API int sim_counters(Counter** table) {
  *table = merged;
  return MAX_SITES;
}
API u64* sim_events() { return merged_events; }
API u64 sim_blocks() { return merged_blocks; }
