// The C header that goes with an inference object.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "compiler/codegen/header_text.h"

namespace cnnc {

struct HeaderDescription {
  std::string prefix;  // of the functions: a C identifier
  std::string model;   // the network's name, as its author writes it
  uint64_t build_id = 0;
  std::vector<int64_t> batches;      // images computed at a time, ascending
  std::vector<std::string> targets;  // what there is code for, the best first
  HeaderTensor input;
  HeaderTensor output;
  int64_t workspace_bytes = 0;
  int64_t stack_bytes = 0;  // that a call needs at most; 0: not known, and not said
  // Weights that are no part of the object: their bytes, and the id of their layout. 0: they are.
  int64_t weights_bytes = 0;
  uint64_t weights_id = 0;
};

// Valid C99 and C++; the same description gives the same text.
[[nodiscard]] std::string c_header(const HeaderDescription& description);

// The nearest C identifier that is no reserved name: "my-net.v2" gives "my_net_v2".
[[nodiscard]] std::string c_identifier(const std::string& name);

}  // namespace cnnc
