/* Warp operations: the lanes of a mask meet, and the last to arrive computes for all.

   Never made of block barriers: a shuffle in one warp only is legal. Lanes may come from any place in
   the code, as on hardware since Volta; only different operations under one mask are an error. */

static void complete(Worker* w, Warp* warp, Group* group);
static void multiply(Operands* o, Fiber* lanes);
static void load_matrices(Operands* o, Fiber* lanes, bool transposed);

INLINE u32 expected(const Warp* warp, const Group* group) {
  return group->mask & warp->exist & ~warp->exited;
}
static int event_of(int op) {
  return op <= __sim_shfl_xor   ? SHUFFLE
         : op == __sim_syncwarp ? SYNCWARP
         : op == __sim_mma      ? MMA
         : op >= __sim_ldmatrix ? LDMATRIX
                                : VOTE;
}
static Group* group_of(Warp* warp, u32 mask) {
  for (int i = 0; i < warp->groups; i++)
    if (warp->group[i].mask == mask) return &warp->group[i];
  if (warp->groups == 32) return 0;
  Group* g = &warp->group[warp->groups++];
  g->mask = mask;
  g->arrived = 0;
  return g;
}
// The lane's answer, once all have come.
template <class T = u64>
INLINE T meet(Worker* w, Fiber* f, int op, u32 mask, int line) {
  Warp* warp = w->running;
  f->line = line;
  Group* group = mask & w->bit ? group_of(warp, mask) : 0;
  if (UNLIKELY(!group)) {
    Finding* found = report(w, WRONG_MASK, line_site(line));
    if (found) found->numbers[0] = mask;
    leave(w);
  }
  if (!group->arrived) {
    group->op = op;
    group->line = line;
  } else if (UNLIKELY(group->op != op)) {
    Finding* found = report(w, MIXED_WARP, line_site(line), line_site(group->line));
    if (found) found->thread2 = f->warp * 32 + __builtin_ctz(group->arrived);
    leave(w);
  }
  group->arrived |= w->bit;
  u32 needed = expected(warp, group);
  if ((group->arrived & needed) == needed) {
    complete(w, warp, group);
    if constexpr (sizeof(T) == sizeof f->wide) return (T)f->wide;
    else return f->answer;
  }
  return switch_from<T>(w, f, warp->ready & ~w->bit);
}
// A thread that leaves the kernel is waited for no longer.
static void leave_groups(Worker* w, Warp* warp) {
  for (int i = 0; i < warp->groups; i++) {
    u32 needed = expected(warp, &warp->group[i]);
    if (warp->group[i].arrived && (warp->group[i].arrived & needed) == needed) {
      complete(w, warp, &warp->group[i]);
      i = -1;  // the groups have moved up
    }
  }
}

// ---- what each operation does ----
static int source_lane(int lane, int op, int by, int width) {
  int low = lane & ~(width - 1), high = low + width - 1, source;
  if (op == __sim_shfl_idx) return low + (by & (width - 1));
  if (op == __sim_shfl_up) source = lane - by;
  else if (op == __sim_shfl_down) source = lane + by;
  else source = lane ^ by;
  return source < low && op == __sim_shfl_up ? lane : source > high ? lane : source;
}
static void shuffle(Worker* w, Warp* warp, Group* group) {
  Operands* o = &warp->operands;
  for (u32 m = group->arrived; m; m &= m - 1) {
    int lane = __builtin_ctz(m);
    int source = source_lane(lane, group->op, o->argument[lane], o->width[lane]);
    if (LIKELY(source >= 0 && group->arrived >> source & 1)) {
      w->lanes[lane].answer = o->value[source];
      continue;
    }
    Finding* found = report_of(w, &w->lanes[lane], WRONG_LANE, line_site(group->line));
    if (found) {
      found->thread2 = w->turn * 32 + (u32)source;
      found->numbers[0] = group->mask;
    }
    w->lanes[lane].answer = ~0ull;
  }
}
static void vote(Operands* o, Fiber* lanes, u32 arrived) {
  u32 ballot = 0;
  for (u32 m = arrived; m; m &= m - 1)
    ballot |= (u32)(o->value[__builtin_ctz(m)] != 0) << __builtin_ctz(m);
  for (u32 m = arrived; m; m &= m - 1) lanes[__builtin_ctz(m)].answer = ballot | (u64)arrived << 32;
}
static void match(Operands* o, Fiber* lanes, u32 arrived) {
  for (u32 m = arrived; m; m &= m - 1) {
    u64 *same = &lanes[__builtin_ctz(m)].answer, value = o->value[__builtin_ctz(m)];
    *same = 0;
    for (u32 n = arrived; n; n &= n - 1)
      *same |= (u64)(o->value[__builtin_ctz(n)] == value) << __builtin_ctz(n);
  }
}
static u32 reduced(int op, u32 a, u32 b) {
  switch (op) {
    case __sim_reduce_add: return a + b;
    case __sim_reduce_min: return (int)a < (int)b ? a : b;
    case __sim_reduce_max: return (int)a > (int)b ? a : b;
    case __sim_reduce_umin: return a < b ? a : b;
    case __sim_reduce_umax: return a > b ? a : b;
    case __sim_reduce_and: return a & b;
    case __sim_reduce_or: return a | b;
    default: return a ^ b;
  }
}
static void reduce(Operands* o, Fiber* lanes, u32 arrived, int op) {
  u32 total = (u32)o->value[__builtin_ctz(arrived)];
  for (u32 m = arrived & (arrived - 1); m; m &= m - 1)
    total = reduced(op, total, (u32)o->value[__builtin_ctz(m)]);
  for (u32 m = arrived; m; m &= m - 1) lanes[__builtin_ctz(m)].answer = total;
}
// The warp's own epoch has 10 bits: before it begins anew, its records of this block epoch go.
COLD void clear_warp_epoch(Worker* w, Record* first, Record* second) {
  Record* both[] = {first, second};
  for (Record* r : both)
    if (r->tag >> 21 == w->epoch && (r->tag >> 5 & 31) == w->turn) r->tag = 0;
  if (first->tag) return;
  *first = *second;
  second->tag = 0;
}
static void next_warp_epoch(Worker* w) {
  if (++w->running->epoch == 1024) {
    for (u64 i = 0; w->checking && i < (DYNAMIC + launch.p.dynamic_shared) / 4; i++) {
      clear_warp_epoch(w, &w->words[i].writer, &w->more[i].writer);
      clear_warp_epoch(w, &w->words[i].reader, &w->more[i].reader);
    }
    w->running->epoch = 0;
    w->met = true;  // or epoch 0 would say that this warp has never waited
  }
  set_tag(w);
}
static void complete(Worker* w, Warp* warp, Group* group) {
  Operands* o = &warp->operands;
  Fiber* lanes = w->lanes;
  u32 arrived = group->arrived;
  int op = group->op;
  count_event(w, event_of(op), group->line);
  if (op <= __sim_shfl_xor) shuffle(w, warp, group);
  else if (op == __sim_ballot) vote(o, lanes, arrived);
  else if (op == __sim_match_any) match(o, lanes, arrived);
  else if (op == __sim_mma) multiply(o, lanes);
  else if (op >= __sim_ldmatrix) load_matrices(o, lanes, op == __sim_ldmatrix_trans);
  else if (op != __sim_syncwarp) reduce(o, lanes, arrived, op);
  else next_warp_epoch(w);
  *group = warp->group[--warp->groups];
  wake(w, warp, arrived & ~warp->exited);
}

API u64 __sim_warp(int op, unsigned mask, u64 value, int argument, int width, int line) {
  Worker* w = self;
  Fiber* f = w->current;
  Operands* o = &w->running->operands;
  o->value[f->lane] = value;
  o->argument[f->lane] = argument;
  o->width[f->lane] = width;
  return meet(w, f, op, mask, line);
}
// Hardware says which lanes run side by side. Here they run one after the other, so a lane waits until
// no other of its warp can go on: those that have come to the same line by then are side by side.
API unsigned __sim_active_mask(int line) {
  Worker* w = self;
  Fiber* f = w->current;
  Warp* warp = w->running;
  f->line = line;
  warp->asking |= w->bit;
  return (unsigned)switch_from(w, f, warp->ready & ~w->bit);
}
