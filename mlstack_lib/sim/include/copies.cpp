/* cp.async.

   With checks a cp.async is as late as it may be: its bytes wait in a queue, the destination reads as
   on its way, and only the wait writes them. Without checks it is a plain copy. */

static void queue_copy(Worker* w, Fiber* f, char* to, const void* from) {
  Queue* queue = &w->queue[f->index];
  if (UNLIKELY(queue->used == queue->size)) {
    queue->size = queue->size ? queue->size * 2 : 16;
    queue->copies = (Copy*)realloc(queue->copies, queue->size * sizeof(Copy));
  }
  w->copied = true;
  Copy* copy = &queue->copies[queue->used++];
  copy->to = to;
  copy->group = queue->group;
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
API void __sim_copy_commit() { self->queue[self->current->index].group++; }
API void __sim_copy_wait(int pending, int line) {
  (void)line;
  Worker* w = self;
  Queue* queue = &w->queue[w->current->index];
  u32 kept = 0;
  for (u32 i = 0; i < queue->used; i++) {
    Copy* copy = &queue->copies[i];
    if ((int)(queue->group - copy->group) <= pending) {
      queue->copies[kept++] = *copy;
      continue;
    }
    memcpy(copy->to, copy->bytes, 16);
    memset(w->written + (copy->to - w->shared), 1, 16);
  }
  queue->used = kept;
}
