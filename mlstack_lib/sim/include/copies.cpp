/* ldmatrix and cp.async.

   With checks a cp.async is as late as it may be: its bytes wait in a queue, the destination reads as
   on its way, and only the wait writes them. Without checks it is a plain copy. */

API __sim_u32x4 __sim_ldmatrix_x4(const void* row, int transposed, int line) {
  Worker* w = self;
  Fiber* f = w->current;
  f->pointer = (const char*)row;
  f->argument = transposed;
  if (w->checking) {
    Site site = line_site(line);
    log_memory(w, f, check(w, f, (char*)row, 16, READS, site), (char*)row, 16, READS, site);
  }
  meet(w, f, __sim_ldmatrix, ~0u, line);
  return f->row;
}

static void queue_copy(Worker* w, Fiber* f, char* to, const void* from) {
  if (f->copies_used == f->copies_size) {
    f->copies_size = f->copies_size ? f->copies_size * 2 : 16;
    f->copies = (Copy*)realloc(f->copies, f->copies_size * sizeof(Copy));
  }
  Copy* copy = &f->copies[f->copies_used++];
  copy->to = to;
  copy->group = f->copy_group;
  memcpy(copy->bytes, from, 16);
  memset(to, 0xff, 16);
  memset(w->written + (to - w->shared), 2, 16);
}
API void __sim_copy_async(void* to, const void* from, int line) {
  Worker* w = self;
  Fiber* f = w->current;
  count_event(w, COPY_ASYNC, line);
  if (!w->checking) {
    memcpy(to, from, 16);
    return;
  }
  Site site = line_site(line);
  log_memory(w, f, check(w, f, (char*)from, 16, READS, site), (char*)from, 16, READS, site);
  Memory memory = check(w, f, (char*)to, 16, WRITES, site);
  // the hardware copies to shared memory only
  if (memory != SHARED_MEMORY) bad_access(w, OUT_OF_BOUNDS, (char*)to, 16, WRITES, site, 0, 0);
  queue_copy(w, f, (char*)to, from);
  log_memory(w, f, memory, (char*)to, 16, WRITES, site);
}
API void __sim_copy_commit() { self->current->copy_group++; }
API void __sim_copy_wait(int pending, int line) {
  (void)line;
  Worker* w = self;
  Fiber* f = w->current;
  u32 kept = 0;
  for (u32 i = 0; i < f->copies_used; i++) {
    Copy* copy = &f->copies[i];
    if ((int)(f->copy_group - copy->group) <= pending) {
      f->copies[kept++] = *copy;
      continue;
    }
    memcpy(copy->to, copy->bytes, 16);
    memset(w->written + (copy->to - w->shared), 1, 16);
  }
  f->copies_used = kept;
}
