/* What a launch found wrong: one entry for each kind, pair of places and array, with a count.

   Of the occurrences of a finding the example shown is the one of the earliest block, so that it does
   not depend on how the workers raced each other. */

static Finding finding[MAX_FINDINGS];
static int findings;

// A new finding or one that is now seen in an earlier block is returned to be filled in, else 0.
static Finding* report(Worker* w, int kind, Site site, Site site2 = 0, int array = 0) {
  pthread_mutex_lock(&mutex);
  Finding* f = 0;
  int count = 1;
  for (int i = 0; i < findings && !f; i++) {
    Finding* g = &finding[i];
    if (g->kind == kind && g->site == site && g->site2 == site2 && g->array == array) {
      f = g;
      count = g->count + 1;
    }
  }
  if (f && f->sequence <= w->sequence) {
    f->count = count;
    f = 0;
  } else if (f || findings < MAX_FINDINGS) {
    if (!f) f = &finding[findings++];
    memset(f, 0, sizeof *f);
    f->kind = kind;
    f->site = site;
    f->site2 = site2;
    f->array = array;
    f->count = count;
    f->sequence = w->sequence;
    f->block[0] = w->block.x;
    f->block[1] = w->block.y;
    f->block[2] = w->block.z;
    f->thread = w->current->index;
  }
  pthread_mutex_unlock(&mutex);
  return f;
}
static Finding* report_of(Worker* w, Fiber* fiber, int kind, Site site, Site site2 = 0) {
  Fiber* running = w->current;
  w->current = fiber;
  Finding* f = report(w, kind, site, site2);
  w->current = running;
  return f;
}

// A block that cannot go on: it and later ones end, earlier ones are finished first.
static void stop_from(Worker* w) {
  pthread_mutex_lock(&mutex);
  if (w->sequence < launch.stop) launch.stop = w->sequence;
  pthread_mutex_unlock(&mutex);
}
INLINE bool must_stop(Worker* w) { return launch.stop < w->sequence || w->cancelled; }

static void shared_limit(Worker* w, u32 total, int line) {
  Finding* f = report(w, SHARED_LIMIT, line_site(line));
  if (f) f->numbers[0] = total;
  leave(w);
}
API void __sim_assert_failed(const char* text, int line) {
  (void)text;  // it stands in the line that the message quotes
  report(self, ASSERTION, line_site(line));
  leave(self);
}
API void __sim_trap(int line) {
  report(self, TRAP, line_site(line));
  leave(self);
}

API int sim_findings(Finding** first) {
  *first = finding;
  return findings;
}
API int sim_shared_arrays() { return (int)shared_arrays; }
API ArrayInfo* sim_shared_array(int id) { return &shared_array[(id - SHARED_ID) & 255]; }
