// Times of kernels. Needs POSIX's clock. Tested by tests/runtime/profile_test.cpp.
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 199309L  // NOLINT(bugprone-reserved-identifier): for clock_gettime
#endif

#include <time.h>

#include "cnnc_runtime.h"

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

// The place of a kernel, a new one if need be; NULL where there is no more room.
static cnnc_kernel_time* find(cnnc_profile* profile, const char* kernel, int step) {
  for (int i = 0; i < profile->count; ++i) {
    cnnc_kernel_time* const known = &profile->kernels[i];
    if (known->kernel == kernel && known->step == step) return known;
  }
  if (profile->count == profile->capacity) return NULL;
  cnnc_kernel_time* const fresh = &profile->kernels[profile->count++];
  *fresh = (cnnc_kernel_time){kernel, step, 0, 0};
  return fresh;
}

static void note_time(const cnnc_context* context, const char* kernel, int step, int ends) {
  cnnc_profile* const profile = (cnnc_profile*)context->profile;
  if (!ends) {
    profile->began = now();
    return;
  }
  const uint64_t taken = now() - profile->began;
  cnnc_kernel_time* const place = find(profile, kernel, step);
  if (place == NULL) {
    ++profile->lost;
    return;
  }
  ++place->calls;
  place->nanoseconds += taken;
}

void cnnc_profile_init(cnnc_profile* profile, cnnc_kernel_time* kernels, int capacity) {
  *profile = (cnnc_profile){.kernels = kernels, .capacity = capacity};
}

void cnnc_context_use_profile(cnnc_context* context, cnnc_profile* profile) {
  context->kernel_hook = profile == NULL ? NULL : note_time;
  context->profile = profile;
}
