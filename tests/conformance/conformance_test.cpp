// Every case of ONNX's backend suite. CNNC_CONFORMANCE=word runs those whose suite or name has the
// word in it, and prints what becomes of them.
#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>

#include "tests/conformance/report.h"
#include "tests/conformance/workers.h"
#include "tests/support/golden.h"

namespace cnnc::test {
namespace {

constexpr int kProcesses = 2;
constexpr int kSeconds = 900;  // for one case

const char* word_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::pass:
      return "pass";
    case Verdict::known:
      return "known";
    case Verdict::refused:
      return "refused";
    case Verdict::wrong:
      return "wrong";
    case Verdict::fail:
      return "FAIL";
  }
  return "";
}

std::vector<Outcome> outcomes_of(const std::vector<ConformanceCase>& cases) {
  const auto task = [&](int64_t i) {
    const Outcome outcome = run_case(cases[i]);
    return static_cast<char>('0' + static_cast<int>(outcome.verdict)) + outcome.message;
  };
  std::vector<Outcome> outcomes;
  for (const TaskEnd& end :
       run_in_processes(static_cast<int64_t>(cases.size()), kProcesses, kSeconds, task)) {
    if (end.text.empty()) {
      outcomes.push_back({Verdict::fail, end.failure});
    } else {
      outcomes.push_back({static_cast<Verdict>(end.text[0] - '0'), end.text.substr(1)});
    }
  }
  return outcomes;
}

TEST_CASE("ONNX's backend suite", "[conformance]") {
  std::vector<ConformanceCase> cases =
      conformance_cases(std::string(CNNC_ONNX_DIR) + "/backend/test/data");
  REQUIRE(cases.size() > 1400);
  if (const char* word = std::getenv("CNNC_CONFORMANCE")) {
    std::vector<ConformanceCase> chosen;
    for (const ConformanceCase& each : cases) {
      if ((each.suite + "/" + each.name).find(word) != std::string::npos) chosen.push_back(each);
    }
    const std::vector<Outcome> outcomes = outcomes_of(chosen);
    for (size_t i = 0; i < chosen.size(); ++i) {
      std::printf("%s/%s: %s %s\n", chosen[i].suite.c_str(), chosen[i].name.c_str(),
                  word_of(outcomes[i].verdict), outcomes[i].message.c_str());
    }
    return;
  }
  const std::vector<Outcome> outcomes = outcomes_of(cases);
  for (size_t i = 0; i < cases.size(); ++i) {
    if (outcomes[i].verdict != Verdict::fail) continue;
    UNSCOPED_INFO(cases[i].suite << "/" << cases[i].name << ": " << outcomes[i].message);
    CHECK(false);
  }
  const std::string report = conformance_report(cases, outcomes);
  INFO("stale: renew it by running this test with CNNC_UPDATE_GOLDEN=1");
  CHECK((golden("CONFORMANCE.md", report) == report));
}

}  // namespace
}  // namespace cnnc::test
