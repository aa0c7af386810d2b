// Tested by tests/frontend/report_test.cpp.
#include "compiler/frontend/report.h"

#include <algorithm>
#include <cstdio>

#include "compiler/frontend/json.h"

namespace cnnc {
namespace {

constexpr size_t kMostQuoted = 60;
constexpr size_t kMostListed = 20;
constexpr size_t kLongestName = 64;

// The start of `text`, not cut within a UTF-8 sequence.
std::string_view head(std::string_view text, size_t size) {
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  return text.substr(0, size);
}

}  // namespace

void Report::error(int64_t begin, int64_t end, std::string message, std::string suggestion) {
  last_is_new_ = std::none_of(found_.begin(), found_.end(), [&](const Found& each) {
    return each.error.span.begin == begin && each.error.span.end == end &&
           each.error.message == message;
  });
  if (!last_is_new_) return;
  if (is_full()) {
    last_is_new_ = false;
    ++more_;
    return;
  }
  Diagnostic diagnostic;
  diagnostic.message = std::move(message);
  diagnostic.span = span(begin, end);
  diagnostic.suggestion = std::move(suggestion);
  found_.push_back({std::move(diagnostic), {}});
}

void Report::error(const Json& value, std::string message, std::string suggestion) {
  error(value.begin, value.end, std::move(message), std::move(suggestion));
  if (value.reference_begin >= 0) {
    note(value.reference_begin, value.reference_end, "it stands for this parameter");
  }
}

void Report::key_error(const Json& member, std::string message, std::string suggestion) {
  error(member.key_begin, member.key_end, std::move(message), std::move(suggestion));
}

void Report::note(int64_t begin, int64_t end, std::string message) {
  if (!last_is_new_) return;
  Diagnostic diagnostic;
  diagnostic.severity = Severity::note;
  diagnostic.message = std::move(message);
  diagnostic.span = span(begin, end);
  found_.back().notes.push_back(std::move(diagnostic));
}

bool Report::is_full() const { return found_.size() >= kMostErrors; }

Diagnostics Report::finish(const Json* root) const {
  std::vector<Found> found = found_;
  std::stable_sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
    return a.error.span.begin < b.error.span.begin;
  });
  Diagnostics result;
  for (const Found& each : found) {
    result.push_back(each.error);
    result.insert(result.end(), each.notes.begin(), each.notes.end());
  }
  if (root) {
    for (Diagnostic& each : result) {
      each.pointer = pointer_at(*root, each.span.begin, each.span.end);
    }
  }
  if (more_ > 0) {
    result.push_back(cnnc::file_error(source_->path, std::to_string(more_) + " more errors"));
  }
  return result;
}

std::string in_quotes(std::string_view text) {
  const bool cut = text.size() > kMostQuoted;
  std::string result = "\"";
  for (char ch : cut ? head(text, kMostQuoted) : text) {
    const auto byte = static_cast<unsigned char>(ch);
    if (byte < 0x20 || byte == 0x7F) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", byte);
      result += escaped;
    } else {
      result += ch;
    }
  }
  return result + (cut ? "...\"" : "\"");
}

std::string listed(const std::vector<std::string>& words) {
  std::string result;
  for (size_t i = 0; i < words.size() && i < kMostListed; ++i) {
    result += (i ? ", " : "") + words[i];
  }
  return words.size() > kMostListed ? result + ", ..." : result;
}

std::string suggest(std::string_view word, const std::vector<std::string>& candidates) {
  if (word.size() > kLongestName) return {};
  const size_t most = std::max<size_t>(2, word.size() / 3);
  std::vector<std::string> likely;
  for (const std::string& each : candidates) {
    const size_t shorter = std::min(each.size(), word.size());
    if (std::max(each.size(), word.size()) - shorter <= most) likely.push_back(each);
  }
  return nearest(word, likely);
}

}  // namespace cnnc
