/* A launch: workers take block after block, run its threads, and add up what they counted. */

static u32 launch_tag;  // 1 to 127, marks the records of global memory that are of this launch

// ---- a worker and its fibers ----
static Worker* worker_number(u32 i) {
  if (pool[i]) return pool[i];
  Worker* w = (Worker*)reserve(sizeof(Worker), PROT_READ | PROT_WRITE);
  if (!w) return 0;
  u64 stride = STACK + page;
  w->shared = reserve(SHARED_SIZE, PROT_READ | PROT_WRITE);
  w->spare =
      reserve(2 * SPARE_STACK, PROT_READ | PROT_WRITE);  // the second half is for the handler
  w->stacks = reserve(MAX_THREADS * stride, PROT_READ | PROT_WRITE);
  w->words = (Word*)reserve(SHARED_SIZE / 4 * sizeof(Word), PROT_READ | PROT_WRITE);
  w->more = (Word*)reserve(SHARED_SIZE / 4 * sizeof(Word), PROT_READ | PROT_WRITE);
  w->written = (u8*)reserve(SHARED_SIZE, PROT_READ | PROT_WRITE);
  w->log = (Log*)reserve(sizeof(Log), PROT_READ | PROT_WRITE);
  w->counter = (Counter*)reserve(MAX_SITES * sizeof(Counter), PROT_READ | PROT_WRITE);
  if (!w->shared || !w->spare || !w->stacks || !w->words || !w->more || !w->written || !w->log ||
      !w->counter)
    return 0;
  for (u32 t = 0; t < MAX_THREADS; t++) {
    if (mprotect(w->stacks + t * stride, page, PROT_NONE)) return 0;
    w->fiber[t].stack = w->stacks + t * stride + page;
  }
  return pool[i] = w;
}
// What a fiber does for ever: run the kernel as its thread, then let others run until the next block.
static void fiber_main() {
  for (;;) {
    launch.p.call(launch.p.arguments);
    Worker* w = self;
    Fiber* f = w->current;
    Warp* warp = w->running;
    if (UNLIKELY(w->copied)) w->queue[f->index].used = 0;
    warp->ready &= ~w->bit;
    warp->exited |= w->bit;
    w->left++;
    if (UNLIKELY(warp->groups)) leave_groups(w, warp);
    switch_from(w, f, warp->ready);
  }
}
static void prepare_fibers(Worker* w) {
  u32 x = launch.p.block[0], y = launch.p.block[1];
  for (u32 t = 0; t < w->threads; t++) {
    Fiber* f = &w->fiber[t];
    f->index = t;
    f->lane = t & 31;
    f->warp = t / 32;
    w->index[t] = uint3{t % x, t / x % y, t / x / y};
    f->line = f->barrier = 0;
    w->queue[t].used = w->queue[t].group = 0;
    // tops of stacks at different distances from a page, or all would fall into the same cache lines
    f->sp = first_frame(f->stack + STACK - 64 - (t * 7 & 31) * 128, fiber_main);
  }
}

// ---- a block ----
static void prepare_block(Worker* w, u64 block) {
  u64 x = launch.p.grid[0], y = launch.p.grid[1];
  w->block = uint3{(u32)(block % x), (u32)(block / x % y), (u32)(block / x / y)};
  w->block_tag = (u64)launch_tag << 57 | (block & (BLOCKS - 1)) << 20;
  w->waiting = w->left = w->ready_warps = 0;
  w->fenced = w->mixed = w->met = false;
  w->blocks++;
  fill(w, RED_ZONE, w->filled);
  if (launch.p.dynamic_shared) fill(w, DYNAMIC, DYNAMIC + launch.p.dynamic_shared);
  next_epoch(w);
  for (u32 i = 0; i < w->warps; i++) {
    Warp* warp = &w->warp[i];
    u32 lanes = w->threads - i * 32;
    memset(warp, 0, __builtin_offsetof(Warp, group));
    warp->exist = lanes >= 32 ? ~0u : (1u << lanes) - 1;
    wake(w, warp, warp->exist);
  }
}
static void run_block(Worker* w, u64 block) {
  prepare_block(w, block);
  turn_to(w, choose(w, w->ready_warps));
  Fiber* first = pick_further(w);
  if (first != &w->scheduler) {
    w->current = first;
    switch_to(&w->scheduler, first);
  }
  w->current = &w->scheduler;
}

// ---- a worker's thread ----
static void begin_worker(Worker* w) {
  const Parameters& p = launch.p;
  w->checking = p.checking;
  w->order = p.order;
  w->solo = launch.workers == 1;
  w->threads = p.block[0] * p.block[1] * p.block[2];
  w->warps = (w->threads + 31) / 32;
  w->module_low = p.module_low;
  w->module_high = p.module_high;
  w->text_low = p.text_low;
  w->text_high = p.text_high;
  w->random = p.seed * 2654435761u + 1;
  w->filled = RED_ZONE;
  w->blocks = 0;
  w->copied = false;
  memset(w->events, 0, sizeof w->events);
  memset(w->log_used, 0, sizeof w->log_used);
  for (u32 i = 0; i < w->counters; i++) memset(&w->counter[w->used[i]], 0, sizeof(Counter));
  w->counters = 0;
  w->current = &w->scheduler;
  prepare_fibers(w);
}
static void* worker_main(void* argument) {
  Worker* w = (Worker*)argument;
  self = w;
  stack_t spare = {};
  spare.ss_sp = w->spare + SPARE_STACK;
  spare.ss_size = SPARE_STACK;
  sigaltstack(&spare, 0);
  begin_worker(w);
  for (;;) {
    w->sequence = __atomic_fetch_add(&launch.next, 1, __ATOMIC_RELAXED);
    if (w->sequence >= launch.blocks || w->sequence > launch.stop || w->cancelled) break;
    bool backwards = launch.p.order == REVERSE;
    run_block(w, backwards ? launch.blocks - 1 - w->sequence : w->sequence);
    if (launch.stop <= w->sequence) break;  // it failed, and its threads' stacks are in disorder
  }
  self = 0;
  spare.ss_flags = SS_DISABLE;
  sigaltstack(&spare, 0);
  pthread_mutex_lock(&mutex);
  merge_counters(w);
  launch.running--;
  pthread_cond_broadcast(&ended);
  pthread_mutex_unlock(&mutex);
  return 0;
}

// ---- what Python calls ----
// Blocks publish and look from one launch to the next anew; 127 launches use up the marks.
static bool begin_races() {
  {
    DeviceLock lock;
    if (!device_start()) return false;
  }
  if (!published) {
    published = (u32*)reserve(BLOCKS * sizeof(u32), PROT_READ | PROT_WRITE);
    looked = (u32*)reserve(BLOCKS * sizeof(u32), PROT_READ | PROT_WRITE);
    if (!published || !looked) return false;
  }
  u64 used = (launch.blocks < BLOCKS ? launch.blocks : BLOCKS) * sizeof(u32);
  memset(published, 0, used);
  memset(looked, 0, used);
  publications = 0;
  if (++launch_tag == 128) {
    forget((char*)device_words, DEVICE_SIZE / 4 * sizeof(u64), PROT_READ | PROT_WRITE);
    launch_tag = 1;
  }
  return true;
}
static void begin_launch(const Parameters* parameters) {
  u32 serial = launch.serial + 1;
  memset(&launch, 0, sizeof launch);
  launch.p = *parameters;
  launch.serial = serial;
  launch.blocks = (u64)launch.p.grid[0] * launch.p.grid[1] * launch.p.grid[2];
  launch.stop = ~0ull;
  launch.static_top = RED_ZONE;
  launch.workers = (u32)launch.p.workers;
  if (launch.workers > launch.blocks) launch.workers = (u32)launch.blocks;
  if (launch.workers > MAX_WORKERS) launch.workers = MAX_WORKERS;
  findings = 0;
  merged_blocks = merged_count = 0;
  memset(merged_events, 0, sizeof merged_events);
  memset(merged, 0, MAX_SITES * sizeof(Counter));
  shared_arrays = 0;
  memset(shared_id, 0, sizeof shared_id);
  memset(shared_bounds, 0, sizeof shared_bounds);
}
static bool begin_workers() {
  for (u32 i = 0; i < launch.workers; i++) {
    if (!worker_number(i)) return false;
    pool[i]->cancelled = 0;
  }
  return true;
}
// Returns 0, or -1 if the system refuses memory or threads; then nothing runs.
API int sim_start(const Parameters* parameters) {
  if (!merged) merged = (Counter*)reserve(MAX_SITES * sizeof(Counter), PROT_READ | PROT_WRITE);
  if (!merged) return -1;
  begin_launch(parameters);
  if (!begin_races() || !begin_workers()) {
    launch.workers = 0;
    return -1;
  }
  install_handlers();
  u32 started = 0;
  pthread_mutex_lock(&mutex);  // none ends before all are counted
  while (started < launch.workers &&
         !pthread_create(&pool[started]->thread, 0, worker_main, pool[started]))
    started++;
  launch.workers = started;
  launch.running = (int)started;
  pthread_mutex_unlock(&mutex);
  if (!started) restore_handlers();
  return started ? 0 : -1;
}
// Wait up to `milliseconds` for the launch's end; returns how many workers still run. May be called
// again after the end, and without a launch.
API int sim_wait(int milliseconds) {
  timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += (long)milliseconds * 1000000;
  until.tv_sec += until.tv_nsec / 1000000000;
  until.tv_nsec %= 1000000000;
  pthread_mutex_lock(&mutex);
  int error = 0;
  while (launch.running && error != ETIMEDOUT)
    error = pthread_cond_timedwait(&ended, &mutex, &until);
  int running = launch.running;
  pthread_mutex_unlock(&mutex);
  if (running || !launch.workers) return running;
  for (u32 i = 0; i < launch.workers; i++) pthread_join(pool[i]->thread, 0);
  launch.workers = 0;
  restore_handlers();
  fflush(stdout);  // what the kernel printed
  return 0;
}
API void sim_cancel() {
  for (u32 i = 0; i < launch.workers; i++) pool[i]->cancelled = 1;
  pthread_mutex_lock(&mutex);
  for (u32 i = 0; launch.running && i < launch.workers; i++) pthread_kill(pool[i]->thread, SIGURG);
  pthread_mutex_unlock(&mutex);
}
