// park.h — how a thread sleeps until a word changes. Private to the pool.
//
// cnnc_park(lot, word, value) sleeps if *word still is `value`, and may wake without a reason.
// cnnc_unpark(lot, word) wakes the thread that sleeps on `word`, if there is one. Changing the word
// first and unparking after reaches the thread wherever it is: asleep, or about to sleep.
//
// Linux does this with a futex; elsewhere, and where CNNC_NO_FUTEX is defined, a mutex and a
// condition variable do it.
#ifndef CNNC_RUNTIME_PARK_H
#define CNNC_RUNTIME_PARK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#if defined(__linux__) && !defined(CNNC_NO_FUTEX)

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct cnnc_parking_lot {
  char unused;
} cnnc_parking_lot;

static inline bool cnnc_parking_init(cnnc_parking_lot* lot) {
  lot->unused = 0;
  return true;
}

static inline void cnnc_parking_destroy(cnnc_parking_lot* lot) { (void)lot; }

static inline void cnnc_park(cnnc_parking_lot* lot, _Atomic uint32_t* word, uint32_t value) {
  (void)lot;
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static inline void cnnc_unpark(cnnc_parking_lot* lot, _Atomic uint32_t* word) {
  (void)lot;
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

#else

#include <pthread.h>

typedef struct cnnc_parking_lot {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
} cnnc_parking_lot;

static inline bool cnnc_parking_init(cnnc_parking_lot* lot) {
  if (pthread_mutex_init(&lot->mutex, NULL) != 0) return false;
  if (pthread_cond_init(&lot->changed, NULL) == 0) return true;
  pthread_mutex_destroy(&lot->mutex);
  return false;
}

static inline void cnnc_parking_destroy(cnnc_parking_lot* lot) {
  pthread_cond_destroy(&lot->changed);
  pthread_mutex_destroy(&lot->mutex);
}

static inline void cnnc_park(cnnc_parking_lot* lot, _Atomic uint32_t* word, uint32_t value) {
  pthread_mutex_lock(&lot->mutex);
  if (atomic_load(word) == value) pthread_cond_wait(&lot->changed, &lot->mutex);
  pthread_mutex_unlock(&lot->mutex);
}

// One condition serves all words, so that a signal could reach the wrong thread: all of them wake.
static inline void cnnc_unpark(cnnc_parking_lot* lot, _Atomic uint32_t* word) {
  (void)word;
  pthread_mutex_lock(&lot->mutex);
  pthread_cond_broadcast(&lot->changed);
  pthread_mutex_unlock(&lot->mutex);
}

#endif

#endif  // CNNC_RUNTIME_PARK_H
