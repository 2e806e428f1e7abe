/* Warp operations: the lanes of a mask meet, and the last to arrive computes for all.

   Never made of block barriers: a shuffle in one warp only is legal. Lanes may come from any place in
   the code, as on hardware since Volta; only different operations under one mask are an error. */

static void complete(Worker* w, Warp* warp, Group* group);

INLINE u32 expected(const Warp* warp, const Group* group) {
  return group->mask & warp->exist & ~warp->exited;
}
static int event_of(int op) {
  return op <= __sim_shfl_xor   ? SHUFFLE
         : op == __sim_syncwarp ? SYNCWARP
         : op == __sim_mma      ? MMA
         : op == __sim_ldmatrix ? LDMATRIX
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
static void meet(Worker* w, Fiber* f, int op, u32 mask, int line) {
  Warp* warp = f->home;
  f->line = line;
  Group* group = mask & f->bit ? group_of(warp, mask) : 0;
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
  group->arrived |= f->bit;
  u32 needed = expected(warp, group);
  if ((group->arrived & needed) == needed) {
    complete(w, warp, group);
    return;
  }
  warp->ready &= ~f->bit;
  switch_from(w, f);
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
static int source_lane(const Fiber* f, int op) {
  int lane = (int)f->lane, width = f->width, low = lane & ~(width - 1), high = low + width - 1;
  int by = f->argument, source;
  if (op == __sim_shfl_idx) return low + (by & (width - 1));
  if (op == __sim_shfl_up) source = lane - by;
  else if (op == __sim_shfl_down) source = lane + by;
  else source = lane ^ by;
  return source < low && op == __sim_shfl_up ? lane : source > high ? lane : source;
}
static void shuffle(Worker* w, Fiber* lanes, Group* group) {
  for (u32 m = group->arrived; m; m &= m - 1) {
    Fiber* f = &lanes[__builtin_ctz(m)];
    int source = source_lane(f, group->op);
    if (LIKELY(source >= 0 && group->arrived >> source & 1)) {
      f->result = lanes[source].value;
      continue;
    }
    Finding* found = report_of(w, f, WRONG_LANE, line_site(group->line));
    if (found) {
      found->thread2 = f->warp * 32 + (u32)source;
      found->numbers[0] = group->mask;
    }
    f->result = ~0ull;
  }
}
static void vote(Fiber* lanes, u32 arrived) {
  u32 ballot = 0;
  for (u32 m = arrived; m; m &= m - 1)
    ballot |= (u32)(lanes[__builtin_ctz(m)].value != 0) << __builtin_ctz(m);
  for (u32 m = arrived; m; m &= m - 1) lanes[__builtin_ctz(m)].result = ballot | (u64)arrived << 32;
}
static void match(Fiber* lanes, u32 arrived) {
  for (u32 m = arrived; m; m &= m - 1) {
    Fiber* f = &lanes[__builtin_ctz(m)];
    f->result = 0;
    for (u32 n = arrived; n; n &= n - 1) {
      f->result |= (u64)(lanes[__builtin_ctz(n)].value == f->value) << __builtin_ctz(n);
    }
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
static void reduce(Fiber* lanes, u32 arrived, int op) {
  u32 total = (u32)lanes[__builtin_ctz(arrived)].value;
  for (u32 m = arrived & (arrived - 1); m; m &= m - 1) {
    total = reduced(op, total, (u32)lanes[__builtin_ctz(m)].value);
  }
  for (u32 m = arrived; m; m &= m - 1) lanes[__builtin_ctz(m)].result = total;
}
INLINE float bf16(u32 bits) {
  u32 u = bits << 16;
  float f;
  memcpy(&f, &u, 4);
  return f;
}
// Fragments as the PTX manual lays them out: lane 4g + t holds rows g and g + 8, columns 2t and 2t + 1.
static void multiply(Fiber* lanes) {
  typedef float Row __attribute__((vector_size(32)));
  float a[16][16];
  Row b[16], c[16];
  for (int lane = 0; lane < 32; lane++) {
    const Fiber* f = &lanes[lane];
    int g = lane / 4, t = lane % 4 * 2;
    for (int i = 0; i < 4; i++) {
      int row = g + i % 2 * 8, column = t + i / 2 * 8;
      a[row][column] = bf16(f->a[i] & 0xffff);
      a[row][column + 1] = bf16(f->a[i] >> 16);
      c[row][t + i / 2] = f->c[i % 2 * 2 + i / 2];
    }
    b[t][g] = bf16(f->b0 & 0xffff);
    b[t + 1][g] = bf16(f->b0 >> 16);
    b[t + 8][g] = bf16(f->b1 & 0xffff);
    b[t + 9][g] = bf16(f->b1 >> 16);
  }
  for (int m = 0; m < 16; m++)
    for (int k = 0; k < 16; k++) c[m] += a[m][k] * b[k];
  for (int lane = 0; lane < 32; lane++) {
    int g = lane / 4, t = lane % 4 * 2;
    lanes[lane].c = __sim_f32x4{c[g][t], c[g][t + 1], c[g + 8][t], c[g + 8][t + 1]};
  }
}
static void load_matrices(Fiber* lanes) {
  for (int lane = 0; lane < 32; lane++) {
    for (int i = 0; i < 4; i++) {
      u16 low, high;
      if (!lanes[lane].argument) {  // row lane / 4, columns of this lane
        const char* row = lanes[i * 8 + lane / 4].pointer + lane % 4 * 4;
        memcpy(&low, row, 2);
        memcpy(&high, row + 2, 2);
      } else {
        memcpy(&low, lanes[i * 8 + lane % 4 * 2].pointer + lane / 4 * 2, 2);
        memcpy(&high, lanes[i * 8 + lane % 4 * 2 + 1].pointer + lane / 4 * 2, 2);
      }
      lanes[lane].row[i] = low | (u32)high << 16;
    }
  }
}
// The warp's own epoch has 10 bits: before it begins anew, its records of this block epoch go.
COLD void clear_warp_epoch(Worker* w, Warp* warp) {
  u32 number = (u32)(warp - w->warp);
  for (u64 i = 0; i < (DYNAMIC + launch.p.dynamic_shared) / 4; i++) {
    Record* records[4] = {&w->words[i].writer[0], &w->words[i].writer[1], &w->words[i].reader[0],
                          &w->words[i].reader[1]};
    for (Record* r : records)
      if (r->tag >> 21 == w->epoch && (r->tag >> 5 & 31) == number) r->tag = 0;
  }
  warp->epoch = 0;
}
static void complete(Worker* w, Warp* warp, Group* group) {
  u32 arrived = group->arrived, number = (u32)(warp - w->warp);
  Fiber* lanes = &w->fiber[number * 32];
  int op = group->op;
  count_event(w, event_of(op), group->line);
  if (op <= __sim_shfl_xor) shuffle(w, lanes, group);
  else if (op == __sim_ballot) vote(lanes, arrived);
  else if (op == __sim_match_any) match(lanes, arrived);
  else if (op == __sim_mma) multiply(lanes);
  else if (op == __sim_ldmatrix) load_matrices(lanes);
  else if (op != __sim_syncwarp) reduce(lanes, arrived, op);
  else if (++warp->epoch == 1024 && w->checking) clear_warp_epoch(w, warp);
  *group = warp->group[--warp->groups];
  wake(w, warp, arrived & ~warp->exited);
}

API u64 __sim_warp(int op, unsigned mask, u64 value, int argument, int width, int line) {
  Worker* w = self;
  Fiber* f = w->current;
  f->value = value;
  f->argument = argument;
  f->width = width;
  meet(w, f, op, mask, line);
  return f->result;
}
// Hardware says which lanes run side by side. Here they run one after the other, so a lane waits until
// no other of its warp can go on: those that have come to the same line by then are side by side.
API unsigned __sim_active_mask(int line) {
  Worker* w = self;
  Fiber* f = w->current;
  Warp* warp = f->home;
  f->line = line;
  warp->ready &= ~f->bit;
  warp->asking |= f->bit;
  switch_from(w, f);
  return (unsigned)f->result;
}
API __sim_f32x4 __sim_mma_bf16(__sim_u32x4 a, unsigned b0, unsigned b1, __sim_f32x4 c, int line) {
  Worker* w = self;
  Fiber* f = w->current;
  f->a = a;
  f->b0 = b0;
  f->b1 = b1;
  f->c = c;
  meet(w, f, __sim_mma, ~0u, line);
  return f->c;
}
