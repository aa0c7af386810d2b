// Wrong descriptions: files in bad/ that say on the offending line what is to be reported.
//
// A marker `//! error: <part of the message>` at the end of a line stands for one error in that
// line; a line may have several. `//! note: ...` stands for a note of any of the errors. Markers
// are cut off before the text is parsed. The suggestion is part of the message: `... did you mean
// "padding"?`. No other error may be reported.
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "compiler/frontend/model.h"
#include "tests/support/golden.h"

namespace cnnc {
namespace {

struct Expected {
  Severity severity = Severity::error;
  int64_t line = 0;
  std::string message;
};

struct Case {
  std::string text;
  std::vector<Expected> errors;
};

Case read_case(const std::string& path) {
  constexpr const char* kMarker = "//! ";
  const std::string kError = "error: ";
  const std::string kNote = "note: ";
  const std::string bytes = test::file_bytes(path);
  Case result;
  int64_t line = 0;
  for (size_t begin = 0; begin < bytes.size();) {
    const size_t newline = bytes.find('\n', begin);
    const size_t end = std::min(newline, bytes.size());
    ++line;
    std::string text = bytes.substr(begin, end - begin);
    for (size_t at = text.rfind(kMarker); at != std::string::npos; at = text.rfind(kMarker)) {
      std::string message = text.substr(at + std::string(kMarker).size());
      message.erase(message.find_last_not_of(' ') + 1);
      const bool is_note = message.compare(0, kNote.size(), kNote) == 0;
      const std::string& word = is_note ? kNote : kError;
      REQUIRE(message.compare(0, word.size(), word) == 0);
      result.errors.push_back(
          {is_note ? Severity::note : Severity::error, line, message.substr(word.size())});
      text.erase(at);
      text.erase(text.find_last_not_of(' ') + 1);
    }
    result.text += text;
    if (newline != std::string::npos) result.text += '\n';
    begin = end + 1;
  }
  return result;
}

Diagnostics errors_of(const std::string& path, const std::string& text) {
  const Result<ModelDescription> model = parse_model(std::make_shared<Source>(Source{path, text}));
  if (!model) return model.diagnostics();
  return build_graph(*model, 2).diagnostics();
}

std::string message_of(const Diagnostic& diagnostic) {
  if (diagnostic.suggestion.empty()) return diagnostic.message;
  return diagnostic.message + " did you mean \"" + diagnostic.suggestion + "\"?";
}

TEST_CASE("bad descriptions are reported where they are wrong", "[frontend]") {
  std::vector<std::string> paths;
  for (const auto& entry :
       std::filesystem::directory_iterator(test::source_path("tests/frontend/bad"))) {
    paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  REQUIRE(paths.size() >= 40);
  for (const std::string& path : paths) {
    Case expected = read_case(path);
    const Diagnostics found = errors_of(path, expected.text);
    INFO(path << " gave\n" << render(found));
    CHECK_FALSE(expected.errors.empty());
    for (const Diagnostic& each : found) {
      REQUIRE(each.span.source != nullptr);
      const int64_t line = line_column(*each.span.source, each.span.begin).line;
      const std::string message = message_of(each);
      const auto match = std::find_if(
          expected.errors.begin(), expected.errors.end(), [&](const Expected& candidate) {
            return candidate.severity == each.severity && candidate.line == line &&
                   message.find(candidate.message) != std::string::npos;
          });
      INFO("not expected in line " << line << ": " << message);
      CHECK(match != expected.errors.end());
      if (match != expected.errors.end()) expected.errors.erase(match);
    }
    for (const Expected& missing : expected.errors) {
      FAIL_CHECK("missing in line " << missing.line << ": " << missing.message);
    }
  }
}

}  // namespace
}  // namespace cnnc
