/* Requests to memory per source line: 32-byte sectors, and ways of bank conflicts.

   A GPU serves the accesses of a warp's 32 lanes together. Here lanes run one after the other, so each
   writes a log, and the logs are put side by side when the warp's last lane has stopped: the entries of
   one place in the code, one from each lane, are a request. */

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
static u32 sectors_of(const u32* address, u32 lanes, u32 size) {
  u32 sector[64], n = 0, distinct = 0;
  bool sorted = true;
  for (u32 i = 0; i < lanes; i++) {
    u32 first = address[i] >> 5, last = (address[i] + size - 1) >> 5;
    if (n && first < sector[n - 1]) sorted = false;
    sector[n++] = first;
    if (last != first) sector[n++] = last;
  }
  for (u32 i = 0; i < n; i++) {
    bool seen = i && sector[i] == sector[i - 1];
    if (!sorted)
      for (u32 j = 0; j < i && !seen; j++) seen = sector[j] == sector[i];
    distinct += !seen;
  }
  return distinct;
}
// Shared memory has 32 banks of 4-byte words and gives one word a bank at a time, the same word to
// any number of lanes. Wider accesses are served 128 bytes at a time: lanes in halves or quarters.
static u32 ways_of(const u32* address, u32 lanes, u32 words) {
  u32 count[32] = {0}, word[32][4], most = 0;
  for (u32 i = 0; i < lanes; i++) {
    for (u32 q = 0; q < words; q++) {
      u32 x = (address[i] >> 2) + q, bank = x & 31, n = count[bank];
      bool seen = false;
      for (u32 j = 0; j < n && j < 4; j++) seen |= word[bank][j] == x;
      if (!seen && n >= 4) {  // rare: look through the lanes before
        for (u32 j = 0; j < i && !seen; j++) seen = x - (address[j] >> 2) < words;
      }
      if (seen) continue;
      if (n < 4) word[bank][n] = x;
      count[bank] = n + 1;
      if (n + 1 > most) most = n + 1;
    }
  }
  return most;
}
static void keep_worst(Worker* w, Counter* c, u32 worst, const u32* address, u32 active,
                       u32 lanes) {
  u32 low = address[0];
  for (u32 i = 1; i < lanes; i++) low = address[i] < low ? address[i] : low;
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
    worst = sectors_of(address, lanes, size);
    u32 ideal = (lanes * size + 31) / 32;
    c->moved += worst;
    c->ideal += ideal < worst ? ideal : worst;  // lanes that read the same word need less
  } else {
    u32 together = size <= 4 ? 32 : 128 / size;
    for (u32 i = 0; i < lanes; i += together) {
      u32 n = lanes - i < together ? lanes - i : together;
      u32 ways = ways_of(address + i, n, size <= 4 ? 1 : size / 4);
      c->moved += ways;
      c->ideal++;
      worst = ways > worst ? ways : worst;
    }
  }
  if (worst > c->worst) keep_worst(w, c, worst, address, active, lanes);
}

// ---- the logs of a warp, side by side ----
enum { AHEAD = 96 };  // entries looked at to see whether a lane still comes to a place
struct Lanes {
  u32 at[32], key[32], live;
};
static u32 lanes_at(const Lanes& lanes, u32 key) {
  u32 mask = 0;
  for (int i = 0; i < 32; i++) mask |= (u32)(lanes.key[i] == key) << i;
  return mask & lanes.live;
}
static bool still_comes_to(Worker* w, const Lanes& lanes, int lane, u32 key) {
  u32 end = lanes.at[lane] + AHEAD;
  if (end > w->log_used[lane]) end = w->log_used[lane];
  for (u32 i = lanes.at[lane] + 1; i < end; i++)
    if (w->log[lane][i].key == key) return true;
  return false;
}
// Where lanes stand at different places, those go first whose place no other lane still comes to:
// they are behind. The lowest place first would be wrong where a compiler moved a branch to the end.
COLD u32 place_behind(Worker* w, const Lanes& lanes) {
  u32 best = ~0u, best_later = 2;
  for (u32 left = lanes.live; left;) {
    u32 key = lanes.key[__builtin_ctz(left)];
    left &= ~lanes_at(lanes, key);
    u32 later = 0, others = lanes.live & ~lanes_at(lanes, key);
    while (others && !later) {
      int lane = __builtin_ctz(others);
      later = still_comes_to(w, lanes, lane, key);
      others &= ~lanes_at(lanes, lanes.key[lane]);
    }
    if (later < best_later || (later == best_later && key < best)) {
      best = key;
      best_later = later;
    }
  }
  return best;
}
static void flush_log(Worker* w) {
  Lanes lanes;
  lanes.live = 0;
  for (int i = 0; i < 32; i++) {
    lanes.at[i] = 0;
    lanes.key[i] = w->log_used[i] ? w->log[i][0].key : ~0u;
    lanes.live |= (u32)(w->log_used[i] != 0) << i;
    w->accesses += w->log_used[i];
  }
  while (lanes.live) {
    u32 key = lanes.key[__builtin_ctz(lanes.live)], active = lanes_at(lanes, key);
    if (UNLIKELY(active != lanes.live)) {
      key = place_behind(w, lanes);
      active = lanes_at(lanes, key);
    }
    u32 address[32], n = 0;
    for (u32 m = active; m; m &= m - 1) {
      int i = __builtin_ctz(m);
      address[n++] = w->log[i][lanes.at[i]].address;
      if (++lanes.at[i] < w->log_used[i]) {
        lanes.key[i] = w->log[i][lanes.at[i]].key;
      } else {
        lanes.key[i] = ~0u;
        lanes.live &= ~(1u << i);
      }
    }
    request(w, key, address, active, n);
  }
  memset(w->log_used, 0, sizeof w->log_used);
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
