// Status codes as text. Tested by tests/runtime/context_test.cpp.
#include "cnnc_runtime.h"

const char* cnnc_status_string(cnnc_status status) {
  switch (status) {
    case CNNC_OK:
      return "The call succeeded.";
    case CNNC_INVALID_ARGUMENT:
      return "An argument is null or out of its range.";
    case CNNC_MISALIGNED:
      return "A buffer does not have the alignment that the network asks for.";
    case CNNC_OUT_OF_MEMORY:
      return "The system has no more memory or no more threads to give.";
    case CNNC_VERSION_MISMATCH:
      return "The network, its header and the runtime do not belong together.";
    case CNNC_BAD_WEIGHTS:
      return "The weights are not those of this network: their size or checksum differs.";
    case CNNC_INTERNAL:
      return "A check inside a compiled kernel failed; this is a defect of the compiler.";
    case CNNC_UNSUPPORTED_CPU:
      return "The network was compiled for processors that can do more than this one.";
    case CNNC_WORKSPACE_TOO_SMALL:
      return "The workspace, the state or a buffer has fewer bytes than the network needs.";
  }
  return "The value is not a status code.";
}
