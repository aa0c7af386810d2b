// What schedules and plans know of the target machine.
#pragma once
#include <cstdint>

namespace cnnc {

struct Machine {
  int lanes = 16;            // fp32 elements of a vector register
  int registers = 32;        // vector registers
  int64_t l1_bytes = 32768;  // data cache of a core
  int64_t l2_bytes = 1 << 20;
  bool has_threads = true;  // false: no loop is worth sharing out
};

}  // namespace cnnc
