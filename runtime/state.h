// What the functions on a state share.
#ifndef CNNC_STATE_H
#define CNNC_STATE_H

#include "cnnc_training.h"

// Compilers make memcpy and memset of these loops, where there are such functions.
static inline void copy_bytes(void* to, const void* from, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) ((uint8_t*)to)[i] = ((const uint8_t*)from)[i];
}
static inline void clear_bytes(void* to, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) ((uint8_t*)to)[i] = 0;
}

static inline cnnc_status check_state(const cnnc_training* training, const void* state) {
  if (training == NULL || state == NULL) return CNNC_INVALID_ARGUMENT;
  if ((uintptr_t)state % 64 != 0) return CNNC_MISALIGNED;
  const cnnc_training_state* const head = (const cnnc_training_state*)state;
  const int is_ours = head->magic == CNNC_STATE_MAGIC && head->tensors_id == training->tensors_id;
  return is_ours ? CNNC_OK : CNNC_BAD_WEIGHTS;
}

#endif  // CNNC_STATE_H
