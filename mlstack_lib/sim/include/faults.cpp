/* Signals: a fault in a kernel ends the launch with a finding, and the process lives on.

   The handler rewrites where the interrupted thread goes on: into `leave` on a spare stack, which
   switches to the worker's scheduler. So the system restores the signal mask, and nothing is jumped
   over. Handlers are in place during a launch only; a fault that is not a kernel's goes to the handler
   that was there before. */

static const int SIGNALS[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGURG};
enum { SIGNAL_COUNT = 5, SPARE_STACK = 64 << 10 };
static struct sigaction before[SIGNAL_COUNT];

static void leave_from_fault() { leave(self); }

struct Registers {
  u64 pc;
  ucontext_t* context;
};
static Registers registers_of(void* context) {
  ucontext_t* u = (ucontext_t*)context;
#if defined(__linux__) && defined(__x86_64__)
  return Registers{(u64)u->uc_mcontext.gregs[REG_RIP], u};
#elif defined(__linux__) && defined(__aarch64__)
  return Registers{(u64)u->uc_mcontext.pc, u};
#elif defined(__APPLE__) && defined(__aarch64__)
  return Registers{(u64)u->uc_mcontext->__ss.__pc, u};
#elif defined(__APPLE__) && defined(__x86_64__)
  return Registers{(u64)u->uc_mcontext->__ss.__rip, u};
#endif
}
static void go_on_at(const Registers& registers, void (*function)(), char* stack_top) {
  u64 pc = (u64)function, sp = (u64)stack_top & ~15ull;
  ucontext_t* u = registers.context;
#if defined(__linux__) && defined(__x86_64__)
  u->uc_mcontext.gregs[REG_RIP] = (long long)pc;
  u->uc_mcontext.gregs[REG_RSP] = (long long)sp - 8;  // as after a call
#elif defined(__linux__) && defined(__aarch64__)
  u->uc_mcontext.pc = pc;
  u->uc_mcontext.sp = sp;
#elif defined(__APPLE__) && defined(__aarch64__)
  u->uc_mcontext->__ss.__pc = pc;
  u->uc_mcontext->__ss.__sp = sp;
#elif defined(__APPLE__) && defined(__x86_64__)
  u->uc_mcontext->__ss.__rip = pc;
  u->uc_mcontext->__ss.__rsp = sp - 8;
#endif
}

static void report_bad_pointer(Worker* w, Site site, char* address) {
  bool guard = address >= w->current->stack - page && address < w->current->stack;
  u64 low = 0, high = 0;
  int array = guard ? 0 : (int)sim_array_at(address, &low, &high);
  Finding* f = report(w, guard ? STACK_OVERFLOW : BAD_POINTER, site, 0, array);
  if (!f) return;
  f->address = (u64)address;
  f->offset = array ? (long long)((u64)address - low) : 0;
}
static void on_signal(int signal, siginfo_t* info, void* context) {
  Worker* w = self;
  if (!w || w->current == &w->scheduler) {
    for (int i = 0; i < SIGNAL_COUNT; i++) {
      if (SIGNALS[i] == signal && signal != SIGURG) sigaction(signal, &before[i], 0);
    }
    return;  // the fault happens again, and the handler before ours gets it
  }
  Registers registers = registers_of(context);
  char* pc = (char*)registers.pc;
  bool in_kernel = pc >= w->module_low && pc < w->module_high;
  // a return address lies behind its call, and the line reader looks one byte before it
  Site site = in_kernel ? site_of(w, pc + 1) : 0;
  if (signal == SIGURG) {
    // in a jump table there is no line, elsewhere nothing of the learner's: Python sends it again
    if (!w->cancelled || pc < w->text_low || pc >= w->text_high) return;
    report(w, TIME_LIMIT, site);
  } else if (signal == SIGFPE || signal == SIGILL) {
    report(w, signal == SIGFPE ? DIVISION : ILLEGAL, site);
  } else {
    report_bad_pointer(w, site, (char*)info->si_addr);
  }
  go_on_at(registers, leave_from_fault, w->spare + SPARE_STACK);
}
static void install_handlers() {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_signal;
  for (int i = 0; i < SIGNAL_COUNT; i++) {
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | (SIGNALS[i] == SIGURG ? SA_RESTART : 0);
    sigaction(SIGNALS[i], &action, &before[i]);
  }
}
static void restore_handlers() {
  for (int i = 0; i < SIGNAL_COUNT; i++) sigaction(SIGNALS[i], &before[i], 0);
}
