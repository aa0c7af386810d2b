// The C header that goes with an inference object.
#pragma once
#include <cstdint>
#include <string>

#include "compiler/graph/types.h"

namespace cnnc {

struct HeaderDescription {
  std::string prefix;  // of the functions: a C identifier
  std::string model;   // the network's name, as its author writes it
  int64_t batch = 1;
  Shape input;   // of one image, without the batch: [channels, height, width] or [features]
  Shape output;  // likewise
  int64_t workspace_bytes = 0;
  int64_t stack_bytes = 0;  // that a call needs at most; 0: not known, and not said
  std::string input_note;   // what the numbers of the input are: "(pixel / 255 - 0.5) / 0.5"
  std::string output_note;  // likewise: "one score per class; the largest is the answer"
};

// Valid C99 and C++; the same description gives the same text.
[[nodiscard]] std::string c_header(const HeaderDescription& description);

// The nearest C identifier that is no reserved name: "my-net.v2" gives "my_net_v2".
[[nodiscard]] std::string c_identifier(const std::string& name);

}  // namespace cnnc
