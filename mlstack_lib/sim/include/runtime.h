/* The runtime's data: threads as fibers, warps, workers, a launch, and what it reports.

   One block runs on one operating-system thread, its worker, and every CUDA thread of the block is a
   fiber there: a stack of its own and a switch of a few instructions. A fiber never leaves its worker,
   so a pointer to the worker that a compiler keeps in a register across a switch stays right. */
#pragma once
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#if defined(__APPLE__)
#include <sys/ucontext.h>
#else
#include <ucontext.h>
#endif
#include "interface.h"

typedef unsigned u32;
typedef unsigned long long u64;
typedef unsigned short u16;
typedef unsigned char u8;
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define API extern "C" __attribute__((visibility("default")))
#define INLINE static inline __attribute__((always_inline))
#define COLD static __attribute__((noinline, cold))

enum {
  MAX_THREADS = 1024,  // of a block
  MAX_WARPS = 32,
  MAX_WORKERS = 16,  // a worker's guard pages need 2,048 entries of the kernel's memory map
  STACK = 64 << 10,  // bytes a fiber
  LOG = 512,  // accesses a lane may make before its warp-mates run
  MAX_FINDINGS = 256,
  MAX_SITES = 1 << 12,
  RED_ZONE = 128,  // bytes between shared arrays, and the unit of their table
};

// ---- where in the learner's code ----
// A site is an offset into the kernel library, or a line of the source where that is known.
typedef u32 Site;
enum { SITE_LINE = 1 << 19, SITE_BITS = 20 };
INLINE Site line_site(int line) { return SITE_LINE | (u32)line; }

// ---- findings: read by Python, keep in step with runtime.py ----
enum Kind {
  OUT_OF_BOUNDS = 1,
  RACE,
  GLOBAL_RACE,
  UNINITIALISED,
  DIVERGENCE,
  LEFT_BEFORE_BARRIER,
  DEADLOCK,
  WRONG_MASK,
  WRONG_LANE,
  MIXED_WARP,
  BAD_POINTER,
  TIME_LIMIT,
  MISALIGNED,
  IN_FLIGHT,
  STACK_OVERFLOW,
  SHARED_LIMIT,
  DIVISION,
  ILLEGAL,
  ASSERTION,
  TRAP,
  RACE_IN_WARP,  // apart from RACE, so that the example shown is one between warps if there is any
  RACE_IN_BLOCK,  // in global memory
  RACE_OF_LANES,  // the same within a warp, apart for the same reason
};
enum Access { READS = 0, WRITES = 1, UPDATES = 2 };  // UPDATES: an atomic
struct Finding {
  int kind, access, access2, size;
  u32 thread, thread2, block[3], block2[3];
  u32 site, site2;
  int array, count;  // array: 0 none, below SHARED_ID a device array, else a shared one
  long long offset;  // bytes from the array's beginning
  u64 address, sequence;
  u32 numbers[4];
};
enum { SHARED_ID = 1 << 20 };
struct ArrayInfo {
  char name[64];
  u64 base, size;
  u32 element, dims[4];
  int line, dynamic, padded;
};

// ---- counters: read by Python as well ----
enum Space { GLOBAL = 0, SHARED = 1, EVENT = 2 };
enum Event { BARRIER, SHUFFLE, VOTE, SYNCWARP, MMA, LDMATRIX, COPY_ASYNC, ATOMIC, EVENTS };
struct Counter {
  u32 key;  // site << 8 | space << 5 | store << 4 | log2 of the size; for an event, its number << 8...
  u32 worst;  // sectors, or ways of a bank conflict, of the worst request
  u64 requests, lanes, moved, ideal;
  u64 base;  // of the worst request: the lowest address, block, warp, lanes and their offsets
  u64 block;
  u32 warp, active, offset[32];
};

// ---- threads ----
struct Copy {  // bytes of a cp.async on their way
  char* to;
  u32 group;
  u8 bytes[16];
};
struct alignas(64) Fiber {  // one line of the processor's cache
  void* sp;  // where it stands; switch.cpp knows the places of this and of the answer
  char* stack;
  union {  // what the function in which it waits returns
    u64 answer, pairs[2];
    u32 parts[4];
    __sim_u32x4 wide;
  };
  u32 index, lane, warp;
  int line, barrier;
};
struct Queue {  // a fiber's copies on their way
  Copy* copies;
  u32 used, size, group;
};
// What the lanes bring to a warp operation, side by side.
struct Operands {
  u64 value[32];
  int argument[32], width[32];
  u32 a[4][32], b[2][32];  // mma's registers
  u64 c[2][32];
  const char* row[32];  // ldmatrix's addresses
};
struct Group {  // lanes that meet in a warp operation
  u32 mask, arrived;
  int op, line;
};
struct alignas(64) Warp {
  u32 exist, ready, exited, paused, at_barrier;
  u32 asking;  // lanes that wait for an __activemask
  u32 epoch;  // advanced by __syncwarp
  int groups;
  Group group[32];
  Operands operands;
};

// ---- shadow of shared memory, per 4-byte word; see races.cpp ----
struct Record {
  u32 tag, where;
};
struct Word {
  Record writer, reader;
};
struct Log {  // the nth accesses of all lanes side by side; see logs.cpp
  u32 address[LOG][32], key[LOG][32];
};

// ---- workers and the launch ----
struct Worker {
  // what every checked access needs comes first
  Fiber* current;
  Warp* running;  // the current fiber's
  Fiber* lanes;  // the first of that warp
  u32 bit, turn;  // the current fiber's lane as a bit; the number of its warp
  char* shared;
  bool checking, solo;
  int order;
  u32 epoch, tag;  // of the block, advanced by __syncthreads; what the running warp marks words with
  Word *words, *more;  // of each word the first writer and reader, and the second
  u8* written;
  char *module_low, *module_high, *text_low, *text_high;
  u64 block_tag;
  Log* log;
  u32 log_used[32];

  u32 ready_warps, warps, threads, waiting, left;
  int barrier, barrier_line, votes, next_votes;
  bool mixed, fenced, copied, met;  // met: at a barrier, which orders the block's threads
  uint3 block;
  u64 sequence;  // of the block among those handed out
  u32 filled, random;
  volatile int cancelled;
  Fiber scheduler;
  Fiber fiber[MAX_THREADS + 1];  // one more, as the next one's stack is fetched ahead
  Warp warp[MAX_WARPS];
  uint3 index[MAX_THREADS];  // threadIdx
  Queue queue[MAX_THREADS];
  Counter* counter;
  u32 used[MAX_SITES], counters;
  u64 events[EVENTS], blocks;
  char *stacks, *spare;
  pthread_t thread;
};

enum Order { FORWARD, REVERSE, RANDOM };
struct Parameters {  // a launch as Python asks for it
  void (*call)(void**);
  void** arguments;
  u32 grid[3], block[3];
  u32 dynamic_shared;
  int checking, order, workers;
  u32 seed;
  char *module_low, *module_high, *text_low, *text_high;
};
struct Launch {
  Parameters p;
  u32 serial, static_top, workers;
  u64 next, blocks;
  volatile u64 stop;  // the sequence of the first block that failed: later ones need not run
  int running;
  bool dynamic_known;
};

static Launch launch;
static Worker* pool[MAX_WORKERS];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
#if defined(__APPLE__)
static thread_local Worker* self;
#else
static thread_local Worker* self __attribute__((tls_model("initial-exec")));
#endif

static u32 page = 4096;  // set from the system when the runtime starts: 16 KiB on Apple's chips

INLINE Site site_of(Worker* w, const void* pc) {
  u64 offset = (u64)((const char*)pc - w->module_low);
  return offset < SITE_LINE ? (Site)offset : 0;
}
#define HERE __builtin_return_address(0)

static void leave(Worker* w) __attribute__((noreturn));
static void flush_log(Worker* w);
