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
  // message costs time to make, ask is_full() first. What was said already is not said again: the
  // layers of a block are read once for each copy.
  void error(int64_t begin, int64_t end, std::string message, std::string suggestion = {});
  // An error about a value; of an argument, with a note where it is used.
  void error(const Json& value, std::string message, std::string suggestion = {});
  // An error about the key of a member of an object.
  void key_error(const Json& member, std::string message, std::string suggestion = {});

  // Adds to the last error, if it was new, what other bytes have to do with it.
  void note(int64_t begin, int64_t end, std::string message);

  [[nodiscard]] bool is_full() const;
  [[nodiscard]] bool empty() const { return found_.empty(); }
  [[nodiscard]] const std::shared_ptr<const Source>& source() const { return source_; }
  [[nodiscard]] Span span(int64_t begin, int64_t end) const { return {source_, begin, end}; }

  // The errors in the order of the file, each followed by its notes. With a tree they get JSON
  // pointers.
  [[nodiscard]] Diagnostics finish(const Json* root) const;

 private:
  struct Found {
    Diagnostic error;
    Diagnostics notes;
  };

  std::shared_ptr<const Source> source_;
  std::vector<Found> found_;
  bool last_is_new_ = false;
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
