/* The logs of a warp's lanes, side by side.

   A GPU serves the accesses of a warp's 32 lanes together. Here lanes run one after the other, so each
   writes a log, and when the warp's last lane has stopped, the entries of one place in the code, one
   from each lane, are made a request. The nth entries of all lanes lie beside each other: most often
   they are of one place. */

INLINE void log_access(Worker* w, Fiber* f, u32 address, u32 size, int access, int space,
                       Site site) {
  u32 lane = f->lane, used = w->log_used[lane];
  w->log->address[used][lane] = address;
  w->log->key[used][lane] = access_key(site, space, access != READS, (u32)__builtin_ctz(size));
  w->log_used[lane] = used + 1;
  if (UNLIKELY(used + 1 == LOG)) pause_lane(w, f);
}

// ---- lanes that stand at different places ----
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
    if (w->log->key[i][lane] == key) return true;
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
static void flush_apart(Worker* w, u32 first) {
  Lanes lanes;
  lanes.live = 0;
  for (int i = 0; i < 32; i++) {
    lanes.at[i] = first;
    lanes.key[i] = w->log_used[i] > first ? w->log->key[first][i] : ~0u;
    lanes.live |= (u32)(w->log_used[i] > first) << i;
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
      address[n++] = w->log->address[lanes.at[i]][i];
      if (++lanes.at[i] < w->log_used[i]) {
        lanes.key[i] = w->log->key[lanes.at[i]][i];
      } else {
        lanes.key[i] = ~0u;
        lanes.live &= ~(1u << i);
      }
    }
    request(w, key, address, active, n);
  }
}

// ---- lanes that go through the same places ----
// The lanes that have more than `first` entries, and how many all of these have.
struct Together {
  u32 live, until;
};
static Together together_from(const Worker* w, u32 first) {
  Together t = {0, LOG};
  for (u32 i = 0; i < 32; i++) {
    u32 used = w->log_used[i];
    bool more = used > first;
    t.live |= (u32)more << i;
    t.until = more && used < t.until ? used : t.until;
  }
  return t;
}
INLINE bool at_one_place(const u32* key, u32 live) {
  u32 differs = 0, expected = key[__builtin_ctz(live)];
  if (LIKELY(live == ~0u)) {
    for (u32 i = 0; i < 32; i++) differs |= key[i] ^ expected;
  } else {
    for (u32 m = live; m; m &= m - 1) differs |= key[__builtin_ctz(m)] ^ expected;
  }
  return !differs;
}
static void flush_log(Worker* w) {
  u32 i = 0;
  for (Together t = together_from(w, 0); t.live; t = together_from(w, i)) {
    for (; i < t.until && at_one_place(w->log->key[i], t.live); i++) {
      const u32 *row = w->log->address[i], key = w->log->key[i][__builtin_ctz(t.live)];
      u32 address[32], n = 0;
      if (LIKELY(t.live == ~0u)) {
        request(w, key, row, t.live, 32);
        continue;
      }
      for (u32 m = t.live; m; m &= m - 1) address[n++] = row[__builtin_ctz(m)];
      request(w, key, address, t.live, n);
    }
    if (i < t.until) {
      flush_apart(w, i);
      break;
    }
  }
  memset(w->log_used, 0, sizeof w->log_used);
}
