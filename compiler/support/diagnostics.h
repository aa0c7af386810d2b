// Diagnostics: what is wrong with the input, where, and what was expected.
//
// A diagnostic is a value. The library collects and returns them; only tools print.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cnnc {

// The text of one input file. Diagnostics quote its lines.
struct Source {
  std::string path;
  std::string text;
};

// A half-open byte range [begin, end) of a source. A null source means "no place in a file".
struct Span {
  std::shared_ptr<const Source> source;
  int64_t begin = 0;
  int64_t end = 0;
};

struct LineColumn {
  int64_t line = 1;    // from 1
  int64_t column = 1;  // from 1, in bytes
};

[[nodiscard]] LineColumn line_column(const Source& source, int64_t offset);

enum class Severity { error, warning, note };

struct Diagnostic {
  Severity severity = Severity::error;
  std::string message;
  Span span;
  std::string pointer;     // JSON pointer of the value, or empty
  std::string suggestion;  // the nearest valid spelling, or empty
};

using Diagnostics = std::vector<Diagnostic>;

// A diagnostic that belongs to no place in a file.
[[nodiscard]] Diagnostic error(std::string message);
// A diagnostic about a whole file.
[[nodiscard]] Diagnostic file_error(const std::string& path, std::string message);

// "path:line:column: error: message", the source line, a caret line, and the suggestion.
[[nodiscard]] std::string render(const Diagnostic& diagnostic);
[[nodiscard]] std::string render(const Diagnostics& diagnostics);

// The candidate with the least edit distance to `word`, or empty if none is near enough to be
// meant.
[[nodiscard]] std::string nearest(std::string_view word,
                                  const std::vector<std::string>& candidates);

}  // namespace cnnc
