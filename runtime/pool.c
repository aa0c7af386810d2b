// The pool of threads. Tested by tests/runtime/pool_test.cpp.
//
// How a loop runs. Participant 0 is the caller, the others are the workers. The iterations are
// dealt out as one contiguous part per participant, and a part is one 64-bit word: the two ends of
// what is left of it. Every claim of an iteration is a compare-and-swap on such a word. A
// participant eats its own part from the low end, in order, so that it stays in its own memory;
// when the part is empty it goes round the others and eats theirs from the high end. All parts can
// be eaten by anybody from the start: a worker that is late, or never comes, delays nobody.
//
// When is a loop over? `unreported` counts the iterations down, and a participant subtracts all
// that it has run when it finds nothing more to claim. The caller leaves when the count is zero.
// While anyone holds an iteration that is not reported, the loop cannot end; that is why
// * `loop` may be read without further ado after a claim, and is read only then;
// * a part needs no mark of the loop that it belongs to. A worker that went to sleep in the middle
//   of a claim and finds the same two ends in a later loop claims an iteration of that later loop,
//   which is as good as any other.
//
// How do workers learn of a loop? `epoch` changes. They watch it for a while and then park, each on
// a word of its own, so that a short loop wakes no more workers than it can use.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE  // NOLINT(bugprone-reserved-identifier): for sched_getaffinity and syscall
#endif

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#if defined(__linux__)
#include <sched.h>
#endif

#include "park.h"
#include "serial.h"

enum {
  most_threads = 1024,
  line_bytes = 128,  // two cache lines, since processors fetch them in pairs
  watch_nanoseconds = 50 * 1000,
  pauses_per_clock_check = 32,
  worker_stack_bytes = 8 * 1024 * 1024,  // kernels keep scratch memory on the stack
};

typedef struct cnnc_participant {
  // The offsets that nobody has claimed: the first in the low 32 bits, the end in the high ones.
  _Alignas(line_bytes) _Atomic uint64_t part;
  // The rest is there for workers; the caller has none of it.
  _Alignas(line_bytes) _Atomic uint32_t asleep;  // 1: about to park on this word, or parked
  pthread_t thread;
  cnnc_pool* pool;
  int self;
} cnnc_participant;

typedef struct cnnc_loop {
  const cnnc_context* context;
  cnnc_task task;
  int min;
  uint8_t* closure;
} cnnc_loop;

struct cnnc_pool {
  int threads;
  int64_t watch;  // nanoseconds
  cnnc_parking_lot lot;
  cnnc_loop loop;
  _Atomic bool busy;  // a caller owns the pool
  _Atomic bool quit;
  _Alignas(line_bytes) _Atomic uint32_t epoch;
  _Alignas(line_bytes) _Atomic uint32_t unreported;
  _Atomic bool caller_asleep;  // the caller may be parked on `unreported`
  _Atomic int error;           // the first nonzero result of a task
  cnnc_participant participants[];
};

// This thread is inside a task of some pool.
static _Thread_local bool inside_task = false;

// ------------------------------------------------------------------------------------- watching

static void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) || (defined(__arm__) && __ARM_ARCH >= 7)
  __asm__ volatile("yield");
#endif
}

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

// Watches *word for the pool's time. True as soon as it is not `value`.
static bool watch(const cnnc_pool* pool, const _Atomic uint32_t* word, uint32_t value) {
  if (atomic_load_explicit(word, memory_order_acquire) != value) return true;
  if (pool->watch == 0) return false;
  const int64_t end = now() + pool->watch;
  do {
    for (int i = 0; i < pauses_per_clock_check; ++i) {
      if (atomic_load_explicit(word, memory_order_acquire) != value) return true;
      pause_briefly();
    }
  } while (now() < end);
  return false;
}

// --------------------------------------------------------------------------------------- claims

static uint64_t part_of(uint32_t first, uint32_t end) { return (uint64_t)end << 32 | first; }

static bool claim(_Atomic uint64_t* part, bool at_low_end, uint32_t* offset) {
  uint64_t seen = atomic_load_explicit(part, memory_order_relaxed);
  for (;;) {
    const uint32_t first = (uint32_t)seen;
    const uint32_t end = (uint32_t)(seen >> 32);
    if (first == end) return false;
    const uint64_t rest = at_low_end ? part_of(first + 1, end) : part_of(first, end - 1);
    // Acquire: what the caller wrote before it dealt the part out is visible after the claim.
    if (atomic_compare_exchange_weak_explicit(part, &seen, rest, memory_order_acquire,
                                              memory_order_relaxed)) {
      *offset = at_low_end ? first : end - 1;
      return true;
    }
  }
}

// Notes the error and takes away all iterations that nobody has claimed. Returns their number.
static uint32_t cancel(cnnc_pool* pool, int error) {
  int none = 0;
  atomic_compare_exchange_strong(&pool->error, &none, error);
  uint32_t taken = 0;
  for (int i = 0; i < pool->threads; ++i) {
    const uint64_t part = atomic_exchange(&pool->participants[i].part, part_of(0, 0));
    taken += (uint32_t)(part >> 32) - (uint32_t)part;
  }
  return taken;
}

static void report(cnnc_pool* pool, uint32_t done) {
  if (atomic_fetch_sub(&pool->unreported, done) != done) return;
  // Here the loop may be over and another one begun; its caller then wakes once for nothing.
  if (atomic_load(&pool->caller_asleep)) cnnc_unpark(&pool->lot, &pool->unreported);
}

// Runs iterations until there is none left to claim.
static void take_part(cnnc_pool* pool, int self) {
  uint32_t done = 0;
  for (int i = 0; i < pool->threads; ++i) {
    const bool own = i == 0;
    _Atomic uint64_t* const part = &pool->participants[(self + i) % pool->threads].part;
    uint32_t offset;
    while (claim(part, own, &offset)) {
      const cnnc_loop loop = pool->loop;
      const int result = loop.task((void*)loop.context, loop.min + (int)offset, loop.closure);
      ++done;
      if (result != 0) done += cancel(pool, result);
    }
  }
  if (done != 0) report(pool, done);
}

// -------------------------------------------------------------------------------------- workers

// Returns the epoch once it is not `seen`.
static uint32_t await_epoch(cnnc_participant* me, uint32_t seen) {
  cnnc_pool* const pool = me->pool;
  if (!watch(pool, &pool->epoch, seen)) {
    while (atomic_load(&pool->epoch) == seen) {
      // First the word, then the epoch; `announce` goes the other way, so no wake-up is lost.
      atomic_store(&me->asleep, 1);
      if (atomic_load(&pool->epoch) == seen) cnnc_park(&pool->lot, &me->asleep, 1);
      atomic_store(&me->asleep, 0);
    }
  }
  return atomic_load_explicit(&pool->epoch, memory_order_acquire);
}

static void* work(void* argument) {
  cnnc_participant* const me = (cnnc_participant*)argument;
  inside_task = true;
  uint32_t seen = 0;
  for (;;) {
    seen = await_epoch(me, seen);
    if (atomic_load(&me->pool->quit)) return NULL;
    take_part(me->pool, me->self);
  }
}

// --------------------------------------------------------------------------------------- caller

// Deals the iterations out to the first participants. All parts are empty before.
static void deal(cnnc_pool* pool, uint32_t extent, int participants) {
  for (int i = 0; i < participants; ++i) {
    const uint32_t first = (uint32_t)((uint64_t)extent * (uint32_t)i / (uint32_t)participants);
    const uint32_t end = (uint32_t)((uint64_t)extent * ((uint32_t)i + 1) / (uint32_t)participants);
    // Release: pairs with the claim.
    atomic_store_explicit(&pool->participants[i].part, part_of(first, end), memory_order_release);
  }
}

// Changes the epoch and wakes the workers among the first participants.
static void announce(cnnc_pool* pool, int participants) {
  atomic_fetch_add(&pool->epoch, 1);
  for (int i = 1; i < participants; ++i) {
    _Atomic uint32_t* const asleep = &pool->participants[i].asleep;
    if (atomic_load(asleep) == 0) continue;
    if (atomic_exchange(asleep, 0) != 0) cnnc_unpark(&pool->lot, asleep);
  }
}

static void await_reports(cnnc_pool* pool) {
  uint32_t left;
  while ((left = atomic_load_explicit(&pool->unreported, memory_order_acquire)) != 0) {
    if (watch(pool, &pool->unreported, left)) continue;
    atomic_store(&pool->caller_asleep, true);
    if (atomic_load(&pool->unreported) == left) cnnc_park(&pool->lot, &pool->unreported, left);
    atomic_store(&pool->caller_asleep, false);
  }
}

static int run_on_pool(const cnnc_context* context, cnnc_task task, int min, int extent,
                       uint8_t* closure) {
  cnnc_pool* const pool = (cnnc_pool*)context->host;
  if (extent < 2 || pool->threads == 1 || inside_task ||
      atomic_exchange_explicit(&pool->busy, true, memory_order_acquire)) {
    return cnnc_run_serially((void*)context, task, min, extent, closure);
  }
  pool->loop = (cnnc_loop){context, task, min, closure};
  atomic_store_explicit(&pool->error, 0, memory_order_relaxed);
  atomic_store_explicit(&pool->unreported, (uint32_t)extent, memory_order_relaxed);
  const int participants = extent < pool->threads ? extent : pool->threads;
  deal(pool, (uint32_t)extent, participants);
  announce(pool, participants);

  inside_task = true;
  take_part(pool, 0);
  inside_task = false;
  await_reports(pool);

  const int error = atomic_load_explicit(&pool->error, memory_order_relaxed);
  atomic_store_explicit(&pool->busy, false, memory_order_release);
  return error;
}

// ---------------------------------------------------------------------------- creation and so on

static int processors(void) {
#if defined(__linux__)
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) return CPU_COUNT(&allowed);
#endif
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  if (online < 1) return 1;
  return online < most_threads ? (int)online : most_threads;
}

static bool start_worker(cnnc_participant* worker) {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  const bool started = pthread_attr_setstacksize(&attributes, worker_stack_bytes) == 0 &&
                       pthread_create(&worker->thread, &attributes, work, worker) == 0;
  pthread_attr_destroy(&attributes);
  return started;
}

// Ends the workers among the first participants.
static void stop_workers(cnnc_pool* pool, int participants) {
  atomic_store(&pool->quit, true);
  announce(pool, participants);
  for (int i = 1; i < participants; ++i) pthread_join(pool->participants[i].thread, NULL);
}

static void free_pool(cnnc_pool* pool) {
  cnnc_parking_destroy(&pool->lot);
  free(pool);
}

static cnnc_pool* new_pool(int threads) {
  const size_t bytes = sizeof(cnnc_pool) + (size_t)threads * sizeof(cnnc_participant);
  cnnc_pool* const pool = (cnnc_pool*)aligned_alloc(line_bytes, bytes);
  if (pool == NULL) return NULL;
  *pool = (cnnc_pool){.threads = threads};
  // More threads than processors: watching would take the time of the thread that is waited for.
  pool->watch = threads <= processors() ? watch_nanoseconds : 0;
  if (!cnnc_parking_init(&pool->lot)) {
    free(pool);
    return NULL;
  }
  for (int i = 0; i < threads; ++i) {
    pool->participants[i] = (cnnc_participant){.pool = pool, .self = i};
  }
  return pool;
}

cnnc_status cnnc_pool_create(int threads, cnnc_pool** pool) {
  if (pool == NULL) return CNNC_INVALID_ARGUMENT;
  *pool = NULL;
  if (threads < 0 || threads > most_threads) return CNNC_INVALID_ARGUMENT;
  cnnc_pool* const made = new_pool(threads == 0 ? processors() : threads);
  if (made == NULL) return CNNC_OUT_OF_MEMORY;
  for (int i = 1; i < made->threads; ++i) {
    if (start_worker(&made->participants[i])) continue;
    stop_workers(made, i);
    free_pool(made);
    return CNNC_OUT_OF_MEMORY;
  }
  *pool = made;
  return CNNC_OK;
}

void cnnc_pool_destroy(cnnc_pool* pool) {
  if (pool == NULL) return;
  stop_workers(pool, pool->threads);
  free_pool(pool);
}

int cnnc_pool_threads(const cnnc_pool* pool) { return pool == NULL ? 1 : pool->threads; }

void cnnc_context_use_pool(cnnc_context* context, cnnc_pool* pool) {
  context->parallel_for = pool == NULL ? NULL : run_on_pool;
  context->host = pool;
}
