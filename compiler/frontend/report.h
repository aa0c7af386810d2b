// Report: what is wrong with one description, collected while it is read.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/support/diagnostics.h"

namespace cnnc {

struct Json;

// Nobody reads more errors of one file.
inline constexpr size_t kMostErrors = 50;

class Report {
 public:
  explicit Report(std::shared_ptr<const Source> source) : source_(std::move(source)) {}

  // An error about the bytes [begin, end). Past kMostErrors they are only counted; where a
  // message costs time to make, ask is_full() first.
  void error(int64_t begin, int64_t end, std::string message, std::string suggestion = {});
  // An error about a value.
  void error(const Json& value, std::string message, std::string suggestion = {});
  // An error about the key of a member of an object.
  void key_error(const Json& member, std::string message, std::string suggestion = {});

  [[nodiscard]] bool is_full() const;
  [[nodiscard]] bool empty() const { return found_.empty(); }
  [[nodiscard]] const std::shared_ptr<const Source>& source() const { return source_; }
  [[nodiscard]] Span span(int64_t begin, int64_t end) const { return {source_, begin, end}; }

  // The errors in the order of the file. With a tree they get JSON pointers.
  [[nodiscard]] Diagnostics finish(const Json* root) const;

 private:
  std::shared_ptr<const Source> source_;
  Diagnostics found_;
  int64_t more_ = 0;
};

// Text of a user for a message: in double quotes, control characters escaped, cut where long.
[[nodiscard]] std::string in_quotes(std::string_view text);

// "a, b, c", cut where there are many.
[[nodiscard]] std::string listed(const std::vector<std::string>& words);

// `nearest`, for words and lists of any length.
[[nodiscard]] std::string suggest(std::string_view word,
                                  const std::vector<std::string>& candidates);

}  // namespace cnnc
