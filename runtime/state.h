// The check that every function on a state begins with.
#ifndef CNNC_STATE_H
#define CNNC_STATE_H

#include "cnnc_training.h"

static inline cnnc_status check_state(const cnnc_training* training, const void* state) {
  if (training == NULL || state == NULL) return CNNC_INVALID_ARGUMENT;
  if ((uintptr_t)state % 64 != 0) return CNNC_MISALIGNED;
  const cnnc_training_state* const head = (const cnnc_training_state*)state;
  const int is_ours = head->magic == CNNC_STATE_MAGIC && head->tensors_id == training->tensors_id;
  return is_ours ? CNNC_OK : CNNC_BAD_WEIGHTS;
}

#endif  // CNNC_STATE_H
