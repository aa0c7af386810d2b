// CONFORMANCE.md: what became of each case.
#pragma once
#include <string>
#include <vector>

#include "tests/conformance/run_case.h"

namespace cnnc::test {

[[nodiscard]] std::string conformance_report(const std::vector<ConformanceCase>& cases,
                                             const std::vector<Outcome>& outcomes);

}  // namespace cnnc::test
