// The context, and the functions that compiled networks call. Needs no operating system.
// Tested by tests/runtime/context_test.cpp.
#include "serial.h"

void cnnc_context_init(cnnc_context* context) {
  context->abi_version = CNNC_ABI_VERSION;
  context->reserved = 0;
  context->parallel_for = NULL;
  context->host = NULL;
  context->kernel_hook = NULL;
  context->profile = NULL;
}

int cnnc_parallel_for(void* context, cnnc_task task, int min, int extent, uint8_t* closure) {
  const cnnc_context* lent = (const cnnc_context*)context;
  if (extent <= 0) return 0;
  if (lent == NULL || lent->parallel_for == NULL) {
    return cnnc_run_serially(context, task, min, extent, closure);
  }
  return lent->parallel_for(lent, task, min, extent, closure);
}

uint32_t cnnc_abi_version(void) { return CNNC_ABI_VERSION; }

int cnnc_kernel_check_failed(void* context) {
  (void)context;
  return CNNC_INTERNAL;
}
