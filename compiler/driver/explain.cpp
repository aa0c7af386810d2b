// Tested by tests/tools/cnnc_command_test.py.
#include "compiler/driver/explain.h"

#include <cstdio>

#include "compiler/support/check.h"

namespace cnnc {
namespace {

// A number with three digits that count.
std::string number(double value) {
  const int decimals = value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 4;
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

std::string percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.0f %%", 100 * share);
  return text;
}

std::string line(const char* name, const std::string& text) {
  char start[16];
  std::snprintf(start, sizeof start, "  %-10s", name);
  return start + text + "\n";
}

}  // namespace

std::string explain(const std::vector<Blueprint::Call>& calls,
                    const std::vector<Measured>& measured) {
  CNNC_CHECK(measured.empty() || measured.size() == calls.size(), "a measurement per call");
  std::string text;
  int64_t flops = 0;
  double sum_ms = 0;
  for (size_t i = 0; i < calls.size(); ++i) {
    const Blueprint::Call& call = calls[i];
    flops += call.flops;
    if (!measured.empty()) sum_ms += measured[i].ms;
    bool is_told = false;
    for (size_t k = 0; k < i; ++k) is_told |= calls[k].kernel == call.kernel;
    if (is_told) continue;

    int64_t count = 0;
    std::string times;
    double of_peak = 0;
    for (size_t k = i; k < calls.size(); ++k) {
      if (calls[k].kernel != call.kernel) continue;
      ++count;
      if (measured.empty()) continue;
      times += (times.empty() ? "" : ", ") + number(measured[k].ms);
      of_peak += measured[k].of_peak;
    }
    const bool multiplies = call.flops > 0;
    std::string share = call.params.predicted > 0 ? percent(call.params.predicted) : "-";
    share += " predicted";
    if (!measured.empty()) {
      share += ", " + (multiplies ? percent(of_peak / static_cast<double>(count)) : "-") +
               " measured (" + times + " ms)";
    }
    text += call.kernel + (count > 1 ? ", called " + std::to_string(count) + " times" : "") + "\n";
    text += line("shape", call.shape);
    text += line("schedule",
                 to_string(call.params) +
                     (call.params.tasks > 1 ? ", parallel in " + std::to_string(call.params.tasks)
                                            : ", serial"));
    text += line("why", call.params.why);
    text += line("work",
                 std::to_string(call.flops) + " flops, " + std::to_string(call.bytes) + " bytes");
    text += line("FMA peak", share);
  }
  text += std::to_string(calls.size()) + " kernel calls, " + std::to_string(flops) + " flops";
  if (!measured.empty()) text += ", " + number(sum_ms) + " ms";
  return text + "\n";
}

}  // namespace cnnc
