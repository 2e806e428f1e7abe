/* Fibers: who runs next, and the block's barrier. */

// ---- who runs next ----
static u32 next_random(Worker* w) {
  w->random ^= w->random << 13;
  w->random ^= w->random >> 17;
  return w->random ^= w->random << 5;
}
INLINE int choose(Worker* w, u32 mask) {
  if (LIKELY(w->order == FORWARD)) return __builtin_ctz(mask);
  if (w->order == REVERSE) return 31 - __builtin_clz(mask);
  for (int skip = next_random(w) % __builtin_popcount(mask); skip; skip--) mask &= mask - 1;
  return __builtin_ctz(mask);
}
// Anew after every change of an epoch; see races.cpp.
static void set_tag(Worker* w) { w->tag = w->epoch << 21 | w->running->epoch << 11; }
static void turn_to(Worker* w, u32 warp) {
  w->turn = warp;
  w->running = &w->warp[warp];
  w->lanes = &w->fiber[warp * 32];
  set_tag(w);
}
static u32 next_warp(Worker* w) {
  if (w->order != FORWARD) return choose(w, w->ready_warps);
  u32 later = w->ready_warps & (~0u << w->turn);
  return __builtin_ctz(later ? later : w->ready_warps);
}
INLINE void wake(Worker* w, Warp* warp, u32 lanes) {
  warp->ready |= lanes;
  if (lanes) w->ready_warps |= 1u << (warp - w->warp);
}
enum State { READY, AT_BARRIER, IN_WARP_OP, EXITED };
static State state_of(const Worker* w, const Fiber* f) {
  const Warp* warp = &w->warp[f->warp];
  u32 bit = 1u << f->lane;
  if (warp->exited & bit) return EXITED;
  if (warp->at_barrier & bit) return AT_BARRIER;
  return (warp->ready | warp->paused) & bit ? READY : IN_WARP_OP;
}
static Fiber* first_in(Worker* w, State state) {
  for (u32 i = 0; i < w->threads; i++)
    if (state_of(w, &w->fiber[i]) == state) return &w->fiber[i];
  return 0;
}

// A launch that is called off says where it was: at the last access of a lane of the warp that runs,
// else at the line where a thread waits.
COLD void report_time_limit(Worker* w) {
  Fiber* found = 0;
  u32 used = 0;
  for (u32 i = 0; i < w->threads && !used; i++) {
    Fiber* f = &w->fiber[i];
    if (state_of(w, f) == EXITED) continue;
    used = f->warp == w->turn && w->checking ? w->log_used[f->lane] : 0;
    if (used || !found || (!found->line && f->line)) found = f;
  }
  if (!found) return;
  report_of(w, found, TIME_LIMIT,
            used ? w->log->key[used - 1][found->lane] >> 8 : line_site(found->line));
}

// ---- barriers ----
COLD void report_divergence(Worker* w) {
  Fiber* a = first_in(w, AT_BARRIER);
  Fiber* b = 0;
  u32 at_a = 0;
  for (u32 i = 0; i < w->threads; i++) {
    Fiber* f = &w->fiber[i];
    if (state_of(w, f) != AT_BARRIER) continue;
    if (f->barrier == a->barrier) at_a++;
    else if (!b) b = f;
  }
  Finding* f = report_of(w, a, DIVERGENCE, line_site(a->line), line_site(b->line));
  if (!f) return;
  f->thread2 = b->index;
  f->numbers[0] = at_a;
  f->numbers[1] = w->waiting - at_a;
  f->numbers[2] = w->left;
}
COLD void report_left(Worker* w) {
  Fiber* waiting = first_in(w, AT_BARRIER);
  Finding* f = report_of(w, waiting, LEFT_BEFORE_BARRIER, line_site(w->barrier_line));
  if (!f) return;
  f->thread2 = first_in(w, EXITED)->index;
  f->numbers[0] = w->waiting;
  f->numbers[2] = w->left;
}
COLD void report_deadlock(Worker* w) {
  Fiber* barrier = first_in(w, AT_BARRIER);
  Fiber* warp_op = first_in(w, IN_WARP_OP);
  Fiber* f = barrier ? barrier : warp_op;
  Site other = barrier && warp_op ? line_site(warp_op->line) : 0;
  Finding* found = report_of(w, f, DEADLOCK, line_site(f->line), other);
  if (!found) return;
  found->thread2 = warp_op ? warp_op->index : 0;
  found->numbers[0] = w->waiting;
  found->numbers[1] = w->threads - w->waiting - w->left;
  found->numbers[2] = w->left;
}
static void clear_words(Worker* w) {
  forget((char*)w->words, SHARED_SIZE / 4 * sizeof(Word), PROT_READ | PROT_WRITE);
  forget((char*)w->more, SHARED_SIZE / 4 * sizeof(Word), PROT_READ | PROT_WRITE);
  w->epoch = 1;
}
// After a barrier all that came before is in order, so that the records of an epoch may be dropped.
INLINE void next_epoch(Worker* w) {
  if (w->checking && UNLIKELY(++w->epoch == 2048)) clear_words(w);
}
static void open_barrier(Worker* w) {
  if (UNLIKELY(w->left)) report_left(w);
  count_event(w, BARRIER, w->barrier_line);
  w->waiting = 0;
  w->met = true;
  w->votes = w->next_votes;
  next_epoch(w);
  w->ready_warps = 0;
  for (u32 i = 0; i < w->warps; i++) {
    Warp* warp = &w->warp[i];
    u32 lanes = warp->at_barrier;
    warp->at_barrier = warp->epoch = 0;
    wake(w, warp, lanes);
  }
  turn_to(w, choose(w, w->ready_warps));
}

// For the lanes at the first of the lines where some wait; the others' turn comes after them.
COLD void answer_active_mask(Worker* w, Warp* warp) {
  Fiber* lanes = w->lanes;
  int line = lanes[__builtin_ctz(warp->asking)].line;
  u32 together = 0;
  for (u32 m = warp->asking; m; m &= m - 1)
    together |= (u32)(lanes[__builtin_ctz(m)].line == line) << __builtin_ctz(m);
  for (u32 m = together; m; m &= m - 1) lanes[__builtin_ctz(m)].answer = together;
  warp->asking &= ~together;
  wake(w, warp, together);
}

// The next fiber: of this warp as long as one of its threads can go on, then of another warp. The
// scheduler, when the block has ended or cannot go on.
INLINE Fiber* next_lane(Worker* w, u32 ready) {
  int lane = choose(w, ready);
  w->bit = 1u << lane;
  return w->lanes + lane;
}
static __attribute__((noinline)) Fiber* pick_further(Worker* w) {
  for (;;) {
    Warp* warp = w->running;
    if (warp->ready) return next_lane(w, warp->ready);
    bool stop = must_stop(w);  // once: between two looks a request could come and go unreported
    if (UNLIKELY(stop && w->cancelled)) {
      report_time_limit(w);
      stop_from(w);
    }
    if (w->checking) {
      flush_log(w);
      if (warp->paused && !stop) {
        warp->ready = warp->paused;
        warp->paused = 0;
        continue;
      }
    }
    if (UNLIKELY(stop)) return &w->scheduler;
    if (UNLIKELY(warp->asking)) {
      answer_active_mask(w, warp);
      continue;
    }
    w->ready_warps &= ~(1u << w->turn);
    if (w->ready_warps) {
      turn_to(w, next_warp(w));
    } else if (w->left == w->threads) {
      return &w->scheduler;
    } else if (w->waiting && w->waiting + w->left == w->threads && !w->mixed) {
      open_barrier(w);
    } else {
      if (w->waiting + w->left == w->threads) report_divergence(w);
      else report_deadlock(w);
      stop_from(w);
      return &w->scheduler;
    }
  }
}
// Let others run until this fiber's turn comes again. In `ready` are the lanes of its warp that can go
// on; it has most often taken itself out. Gives the fiber's answer.
template <class T = u64>
INLINE T switch_from(Worker* w, Fiber* f, u32 ready) {
  w->running->ready = ready;
  Fiber* next = LIKELY(ready) ? next_lane(w, ready) : pick_further(w);
  w->current = next;
  // most often the one after it is next, and its stack has left the nearest cache since its last turn
  __builtin_prefetch(next[1].sp);
  __builtin_prefetch((char*)next[1].sp + 64);
  if constexpr (sizeof(T) == sizeof f->wide) return (T)switch_to_wide(f, next);
  else return switch_to(f, next);
}
// Let the warp-mates come here too: bounds their logs, and a loop that waits for them goes on.
COLD void pause_lane(Worker* w, Fiber* f) {
  w->running->paused |= w->bit;
  switch_from(w, f, w->running->ready & ~w->bit);
}
// End the block from inside one of its threads.
static void leave(Worker* w) {
  Fiber nowhere;
  stop_from(w);
  w->current = &w->scheduler;
  switch_to(&nowhere, &w->scheduler);
  __builtin_unreachable();
}

API void __sim_syncthreads(int line, int id) {
  Worker* w = self;
  Fiber* f = w->current;
  Warp* warp = w->running;
  if (!w->waiting) {
    w->barrier = id;
    w->barrier_line = line;
    w->mixed = false;
  } else if (id != w->barrier) {
    w->mixed = true;
  }
  f->line = line;
  f->barrier = id;
  warp->at_barrier |= w->bit;
  w->waiting++;
  switch_from(w, f, warp->ready & ~w->bit);
}
API int __sim_syncthreads_reduce(int line, int id, int op, int value) {
  Worker* w = self;
  if (!w->waiting) w->next_votes = op == 1;
  if (op == 0) w->next_votes += value;
  else if (op == 1) w->next_votes &= value;
  else w->next_votes |= value;
  __sim_syncthreads(line, id);
  return w->votes;
}

API uint3 __sim_thread_idx() { return self->index[self->current->index]; }
API uint3 __sim_block_idx() { return self->block; }
API uint3 __sim_block_dim() {
  return uint3{launch.p.block[0], launch.p.block[1], launch.p.block[2]};
}
API uint3 __sim_grid_dim() { return uint3{launch.p.grid[0], launch.p.grid[1], launch.p.grid[2]}; }
API int __sim_warp_size() { return 32; }
API long long __sim_clock() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (long long)t.tv_sec * 1000000000 + t.tv_nsec;
}
