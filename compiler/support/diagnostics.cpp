#include "compiler/support/diagnostics.h"

#include <algorithm>

namespace cnnc {
namespace {

constexpr int64_t kQuotedWidth = 120;

const char* severity_name(Severity severity) {
  switch (severity) {
    case Severity::error:
      return "error";
    case Severity::warning:
      return "warning";
    case Severity::note:
      return "note";
  }
  return "error";
}

bool continues_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

// The quoted source line with a caret under the span; long lines are cut around the span.
std::string quote(const Span& span, LineColumn at) {
  const std::string& text = span.source->text;
  const auto size = static_cast<int64_t>(text.size());
  const int64_t begin = std::min(span.begin, size);
  int64_t line_begin = begin - (at.column - 1);
  int64_t line_end = line_begin;
  while (line_end < size && text[line_end] != '\n' && text[line_end] != '\r') ++line_end;
  if (line_end - line_begin > kQuotedWidth) {
    line_begin = std::max(line_begin, begin - kQuotedWidth / 2);
    line_end = std::min(line_end, line_begin + kQuotedWidth);
  }
  std::string line;
  std::string caret;
  for (int64_t i = line_begin; i < line_end; ++i) {
    const bool control = static_cast<unsigned char>(text[i]) < 0x20 || text[i] == 0x7F;
    line += control && text[i] != '\t' ? '?' : text[i];
    if (i < begin && !continues_character(text[i])) caret += text[i] == '\t' ? '\t' : ' ';
  }
  caret += '^';
  for (int64_t i = begin + 1; i < std::min(span.end, line_end); ++i) {
    if (!continues_character(text[i])) caret += '~';
  }
  return "  " + line + "\n  " + caret + "\n";
}

int64_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<int64_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = static_cast<int64_t>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    int64_t diagonal = row[0];
    row[0] = static_cast<int64_t>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const int64_t above = row[j];
      const int64_t substitute = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above + 1, row[j - 1] + 1, substitute});
      diagonal = above;
    }
  }
  return row.back();
}

std::string lower(std::string_view word) {
  std::string result;
  for (char ch : word) result += static_cast<char>(ch >= 'A' && ch <= 'Z' ? ch - 'A' + 'a' : ch);
  return result;
}

}  // namespace

LineColumn line_column(const Source& source, int64_t offset) {
  LineColumn at;
  const int64_t end = std::min<int64_t>(offset, static_cast<int64_t>(source.text.size()));
  for (int64_t i = 0; i < end; ++i) {
    if (source.text[i] == '\n') {
      ++at.line;
      at.column = 1;
    } else {
      ++at.column;
    }
  }
  return at;
}

Diagnostic error(std::string message) {
  Diagnostic diagnostic;
  diagnostic.message = std::move(message);
  return diagnostic;
}

Diagnostic file_error(const std::string& path, std::string message) {
  return error(path + ": " + std::move(message));
}

std::string render(const Diagnostic& diagnostic) {
  std::string out;
  LineColumn at;
  if (diagnostic.span.source) {
    at = line_column(*diagnostic.span.source, diagnostic.span.begin);
    out += diagnostic.span.source->path + ":" + std::to_string(at.line) + ":" +
           std::to_string(at.column) + ": ";
  }
  out += std::string(severity_name(diagnostic.severity)) + ": " + diagnostic.message;
  if (!diagnostic.pointer.empty()) out += " [at " + diagnostic.pointer + "]";
  out += "\n";
  if (diagnostic.span.source) out += quote(diagnostic.span, at);
  if (!diagnostic.suggestion.empty()) out += "  did you mean \"" + diagnostic.suggestion + "\"?\n";
  return out;
}

std::string render(const Diagnostics& diagnostics) {
  std::string out;
  for (const Diagnostic& diagnostic : diagnostics) out += render(diagnostic);
  return out;
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  int64_t best_distance = std::max<int64_t>(2, static_cast<int64_t>(word.size()) / 3) + 1;
  for (const std::string& candidate : candidates) {
    const int64_t distance = edit_distance(lower(word), lower(candidate));
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace cnnc
