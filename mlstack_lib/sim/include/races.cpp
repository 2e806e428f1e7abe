/* Races: two threads touch one place, one of them writes, and nothing orders them.

   Shared memory. Each 4-byte word remembers two writers and two readers of the epoch, which a barrier
   ends. Two threads of one warp are also ordered by __syncwarp, which has epochs of its own; shuffles
   order nothing. A tag holds who and when:

     31..21 block epoch   20..11 warp epoch   10 atomic   9..0 thread       where: 31..28 bytes, site

   Global memory. Each word remembers one access, and blocks are told apart: a launch does not say in
   which order they run, so two blocks are always at the same time, unless one published what it wrote
   (__threadfence, then an atomic) and the other looked (an atomic) after that. A record has no room for
   an epoch, so that threads of one block are told apart only until its first barrier, and only when
   the later of two accesses writes: what a block reads of its own takes the fast way.

     63..57 launch   56..53 bytes   52 several blocks   51..50 what   49..40 thread   39..20 block
     19..0 site

   More than two readers or writers of a word in one epoch are not all remembered: a race may be missed,
   none is invented. */

enum { ATOMIC_BIT = 1 << 10, THREAD_BITS = (1 << 10) - 1, WARP_BITS = 31 << 5, EPOCH_SHIFT = 21 };

INLINE bool conflict(const Record& r, u32 tag, u32 bytes) {
  u32 differs = r.tag ^ tag;
  if (differs >> EPOCH_SHIFT || !(differs & THREAD_BITS) || !(r.where >> 28 & bytes)) return false;
  bool same_warp = !(differs & WARP_BITS);
  if (same_warp && (r.tag >> 11 & 1023) < (tag >> 11 & 1023)) return false;
  return !(r.tag & tag & ATOMIC_BIT);
}
COLD void report_race(Worker* w, u32 offset, u32 size, Site site, int access, const Record& r,
                      bool read) {
  u32 id = shared_id[offset / RED_ZONE];
  int access2 = read ? READS : r.tag & ATOMIC_BIT ? UPDATES : WRITES;
  bool in_warp = (r.tag & WARP_BITS) == (w->current->index & WARP_BITS);
  Finding* f = report(w, in_warp ? RACE_IN_WARP : RACE, site, r.where & ((1u << SITE_BITS) - 1),
                      SHARED_ID + (int)id);
  if (!f) return;
  f->access = access;
  f->access2 = access2;
  f->size = (int)size;
  f->offset = (long long)offset - (long long)shared_array[id].base;
  f->thread2 = r.tag & THREAD_BITS;
  memcpy(f->block2, f->block, sizeof f->block2);
}
INLINE void note_write(Record& first, Record& second, u32 tag, u32 where) {
  bool old = (first.tag ^ tag) >> EPOCH_SHIFT;
  if (old || !(first.where >> 28 & ~(where >> 28))) {
    first = Record{tag, where};
  } else if (!((first.tag ^ tag) & THREAD_BITS)) {
    first = Record{tag, where | (first.where & 0xf0000000u)};
  } else {
    u32 differs = second.tag ^ tag;
    bool mine = !(differs >> EPOCH_SHIFT) && !(differs & THREAD_BITS);
    second = Record{tag, where | (mine ? second.where & 0xf0000000u : 0)};
  }
}
INLINE void note_read(Record& first, Record& second, u32 tag, u32 where) {
  u32 differs = first.tag ^ tag;
  bool old = differs >> EPOCH_SHIFT, same_warp = !(differs & WARP_BITS);
  if (old || !(differs & THREAD_BITS)) {
    first = Record{tag, where | (old ? 0 : first.where & 0xf0000000u)};
  } else if (same_warp && (first.tag >> 11 & 1023) < (tag >> 11 & 1023)) {
    first = Record{tag, where};
  } else {  // the second place is best used by another warp than the first one's
    u32 other = second.tag ^ tag;
    bool from_firsts_warp = !((second.tag ^ first.tag) & WARP_BITS);
    if (other >> EPOCH_SHIFT || !(other & THREAD_BITS) || (from_firsts_warp && !same_warp)) {
      second = Record{tag, where};
    }
  }
}
// A second record is of this epoch only if the first one is: most often one look is enough.
INLINE const Record* in_conflict(const Record& first, const Record& second, u32 tag, u32 bytes) {
  if (LIKELY((first.tag ^ tag) >> EPOCH_SHIFT)) return 0;
  if (conflict(first, tag, bytes)) return &first;
  return conflict(second, tag, bytes) ? &second : 0;
}
INLINE void check_shared_word(Worker* w, u32 tag, u32 bytes, u32 offset, u32 size, int access,
                              Site site) {
  Word &word = w->words[offset / 4], &more = w->more[offset / 4];
  const Record* other = in_conflict(word.writer, more.writer, tag, bytes);
  if (UNLIKELY(other != 0)) report_race(w, offset, size, site, access, *other, false);
  if (access == READS) {
    note_read(word.reader, more.reader, tag, site | bytes << 28);
    return;
  }
  other = in_conflict(word.reader, more.reader, tag, bytes);
  if (UNLIKELY(other != 0)) report_race(w, offset, size, site, access, *other, true);
  note_write(word.writer, more.writer, tag, site | bytes << 28);
}
INLINE void check_shared_race(Worker* w, Fiber* f, u32 offset, u32 size, int access, Site site) {
  u32 tag = w->tag | f->index | (access == UPDATES ? ATOMIC_BIT : 0);
  if (size < 4) {
    u32 bytes = ((1u << size) - 1) << (offset & 3);
    check_shared_word(w, tag, bytes, offset, size, access, site);
    return;
  }
  for (u32 i = 0; i < size; i += 4)
    check_shared_word(w, tag, 15, offset + i, size, access, site);
}

// ---- global memory, between blocks ----
enum { WAS_READ = 1, WAS_WRITTEN = 2, WAS_UPDATED = 3 };
static const u32 BLOCKS = 1 << 20;  // told apart: launch.py refuses larger grids, if checked
static const u64 SEVERAL = 1ull << 52, BLOCK_BITS = (u64)(BLOCKS - 1) << 20, BYTE_SHIFT = 53;
static u32* published;  // when each block last published what it wrote, 0 never
static u32* looked;  // and when it last looked
static u32 publications;

INLINE bool replace(Worker* w, u64* word, u64* old, u64 now) {
  if (w->solo) {
    *word = now;
    return true;
  }
  return __atomic_compare_exchange_n(word, old, now, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}
static u32 block_number(u64 record) { return (u32)(record >> 20) & (BLOCKS - 1); }
static bool ordered(Worker* w, u64 record) {
  u32 when = published[block_number(record)];
  return when && when <= looked[block_number(w->block_tag)];
}
COLD void report_global_race(Worker* w, int kind, const char* p, u32 size, Site site, int access,
                             u64 record) {
  if (ordered(w, record)) return;
  static const int accesses[4] = {READS, READS, WRITES, UPDATES};
  u64 low, high;
  int id = (int)sim_array_at(p, &low, &high);
  Finding* f = report(w, kind, site, (Site)record & ((1u << SITE_BITS) - 1), id);
  if (!f) return;
  u64 block = block_number(record), x = launch.p.grid[0], y = launch.p.grid[1];
  f->access = access;
  f->access2 = accesses[record >> 50 & 3];
  f->size = (int)size;
  f->offset = (long long)((u64)p - low);
  f->thread2 = (u32)(record >> 40) & THREAD_BITS;
  f->block2[0] = (u32)(block % x);
  f->block2[1] = (u32)(block / x % y);
  f->block2[2] = (u32)(block / x / y);
  f->numbers[0] =
      block == block_number(w->block_tag);  // a third block's record was lost: "another"
}
// What a word remembers after this access: the strongest access, and of several blocks the first.
INLINE u64 remembered(u64 old, u64 mine, bool same_block) {
  u32 had = old >> 50 & 3, now = mine >> 50 & 3;
  u64 bytes = (old | mine) & (15ull << BYTE_SHIFT);
  if (now == WAS_WRITTEN) return same_block ? mine | bytes : mine;
  if (had == WAS_WRITTEN) return old;
  if (had == now || now == WAS_READ) return old | bytes | (same_block ? 0 : SEVERAL);
  return same_block ? mine | bytes | (old & SEVERAL) : mine;
}
// Two threads of one block at one whole word, of whose bytes it is not known who touched which.
INLINE bool unordered_in_block(Worker* w, u64 old, u64 mine) {
  u32 other = old >> 40 & THREAD_BITS, had = old >> 50 & 3, kind = mine >> 50 & 3;
  if (LIKELY(w->met || other == (mine >> 40 & THREAD_BITS))) return false;
  if (w->fenced || kind == WAS_READ || (had == kind && kind == WAS_UPDATED)) return false;
  if (~mine & 15ull << BYTE_SHIFT || launch.blocks > BLOCKS) return false;
  return other / 32 != w->turn || !w->warp[other / 32].epoch;
}
static __attribute__((noinline)) void note_global(Worker* w, u64 word, u64 mine, const char* p,
                                                  u32 size, int access) {
  u64 bytes = mine >> BYTE_SHIFT & 15, old = __atomic_load_n(&device_words[word], __ATOMIC_RELAXED);
  u32 kind = mine >> 50 & 3;
  for (;;) {
    bool fresh = (old ^ mine) >> 57;
    bool same_block = !fresh && !((old ^ mine) & BLOCK_BITS);
    u32 had = old >> 50 & 3;
    u64 now = fresh ? mine : remembered(old, mine, same_block);
    bool quiet = fresh || !(old >> BYTE_SHIFT & bytes) || (had == kind && kind != WAS_WRITTEN) ||
                 (same_block && (!(old & SEVERAL) || had != WAS_READ || kind == WAS_READ));
    if (UNLIKELY(!quiet))
      report_global_race(w, GLOBAL_RACE, p, size, (Site)mine & ((1u << SITE_BITS) - 1), access, old);
    else if (UNLIKELY(same_block && unordered_in_block(w, old, mine)))
      report_global_race(w, !((old ^ mine) >> 40 & WARP_BITS) ? RACE_OF_LANES : RACE_IN_BLOCK, p, size,
                         (Site)mine & ((1u << SITE_BITS) - 1), access, old);
    if (now == old || replace(w, &device_words[word], &old, now)) return;
  }
}
// Most accesses read what this block or several others have read, or touch a word for the first time.
INLINE void check_global_word(Worker* w, u64 word, u64 mine, const char* p, u32 size, int access) {
  u64 old = __atomic_load_n(&device_words[word], __ATOMIC_RELAXED), differs = old ^ mine;
  bool of_launch = !(differs >> 57);
  if (LIKELY(of_launch && access == READS)) {
    bool covered = !(mine & ~old & 15ull << BYTE_SHIFT);
    bool read_before = (old >> 50 & 3) == WAS_READ && (old & SEVERAL);
    if (LIKELY(covered && (read_before || !(differs & BLOCK_BITS)))) return;
  } else if (LIKELY(!of_launch && w->solo)) {
    device_words[word] = mine;
    return;
  }
  note_global(w, word, mine, p, size, access);
}
INLINE void check_global_race(Worker* w, Fiber* f, char* p, u32 size, int access, Site site) {
  u32 kind = access == READS ? WAS_READ : access == WRITES ? WAS_WRITTEN : WAS_UPDATED;
  u64 tag = w->block_tag | (u64)f->index << 40 | (u64)kind << 50 | site;
  u64 word = (u64)(p - device) / 4;
  if (size < 4) {
    u64 bytes = ((1ull << size) - 1) << ((u64)(p - device) & 3);
    check_global_word(w, word, tag | bytes << BYTE_SHIFT, p, size, access);
    return;
  }
  tag |= 15ull << BYTE_SHIFT;
  for (u32 i = 0; i < size / 4; i++) check_global_word(w, word + i, tag, p + i * 4, size, access);
}

// ---- what orders blocks ----
static void publish(Worker* w) {
  if (w->fenced)
    published[block_number(w->block_tag)] = __atomic_add_fetch(&publications, 1, __ATOMIC_SEQ_CST);
}
static void look(Worker* w) {
  looked[block_number(w->block_tag)] = __atomic_load_n(&publications, __ATOMIC_SEQ_CST);
}
API void __sim_fence() {
  __sync_synchronize();
  self->fenced = true;
}
