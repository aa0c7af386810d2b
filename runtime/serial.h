// serial.h — a loop on the calling thread: the meaning of every parallel loop, and what the other
// ways of running one fall back on. Private to the runtime.
#ifndef CNNC_RUNTIME_SERIAL_H
#define CNNC_RUNTIME_SERIAL_H

#include "cnnc_runtime.h"

static inline int cnnc_run_serially(void* context, cnnc_task task, int min, int extent,
                                    uint8_t* closure) {
  for (int offset = 0; offset < extent; ++offset) {
    const int result = task(context, min + offset, closure);
    if (result != 0) return result;
  }
  return 0;
}

#endif  // CNNC_RUNTIME_SERIAL_H
