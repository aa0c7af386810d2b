// One case through the compiler: import, compile in this process, run, compare.
#pragma once
#include <string>

#include "tests/conformance/cases.h"

namespace cnnc::test {

enum class Verdict {
  pass,     // compiled code computed what is expected
  known,    // nothing was left to compile: all of it is known when compiling
  refused,  // with a message
  wrong,    // as found before: the expected outputs are not those of the case's own model
  fail,
};

struct Outcome {
  Verdict verdict = Verdict::fail;
  std::string message;
};

// Of the case's own making; empty: there is none. Such a case must not pass.
[[nodiscard]] std::string known_mistake_of(const ConformanceCase& each);

[[nodiscard]] Outcome run_case(const ConformanceCase& each);

}  // namespace cnnc::test
