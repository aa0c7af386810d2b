// Tested by tests/frontend/json_test.cpp.
#include "compiler/frontend/json.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include <nlohmann/json.hpp>

#include "compiler/support/check.h"

namespace cnnc {
namespace {

constexpr int64_t kLargestText = int64_t{4} << 20;
constexpr size_t kDeepest = 64;

bool is_space(char ch) { return ch == ' ' || ch == '\t' || ch == '\n' || ch == '\r'; }
bool is_word(char ch) {
  return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
         ch == '+' || ch == '-' || ch == '.' || ch == '_';
}

// Builds the tree from nlohmann's events. They come in the order of the text, so that the bytes of
// each token follow from the end of the one before.
class TreeBuilder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit TreeBuilder(Report& report) : report_(report), text_(report.source()->text) {
    if (text_.compare(0, 3, "\xEF\xBB\xBF") == 0) at_ = 3;
  }

  Json take() { return std::move(root_); }

  bool null() override {
    scalar(JsonKind::null);
    return true;
  }
  bool boolean(bool value) override {
    scalar(JsonKind::boolean).boolean = value;
    return true;
  }
  bool number_integer(number_integer_t value) override {
    Json& json = scalar(JsonKind::integer);
    json.integer = value;
    json.real = static_cast<double>(value);
    return true;
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (value <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      return number_integer(static_cast<int64_t>(value));
    }
    return number_float(static_cast<double>(value), {});
  }
  bool number_float(number_float_t value, const string_t& /*text*/) override {
    scalar(JsonKind::real).real = value;
    return true;
  }
  bool string(string_t& value) override {
    scalar(JsonKind::text).text = std::move(value);
    return true;
  }
  bool binary(binary_t& /*value*/) override { return false; }  // never in a text

  bool start_object(std::size_t /*size*/) override { return open(JsonKind::object); }
  bool start_array(std::size_t /*size*/) override { return open(JsonKind::array); }
  bool key(string_t& name) override {
    key_begin_ = skip_to_token();
    key_end_ = at_ = token_end(key_begin_);
    key_ = std::move(name);
    return true;
  }
  bool end_object() override {
    remove_repeated_keys(*open_.back());
    return close();
  }
  bool end_array() override { return close(); }

  bool parse_error(std::size_t position, const std::string& last_token,
                   const nlohmann::detail::exception& exception) override;

 private:
  Report& report_;
  const std::string& text_;
  Json root_;
  std::vector<Json*> open_;  // arrays and objects around the present place; the innermost last
  std::string key_;
  int64_t key_begin_ = 0;
  int64_t key_end_ = 0;
  int64_t at_ = 0;  // the end of the last token

  [[nodiscard]] int64_t size() const { return static_cast<int64_t>(text_.size()); }

  int64_t skip_to_token() {
    while (at_ < size() && (is_space(text_[at_]) || text_[at_] == ',' || text_[at_] == ':')) ++at_;
    return at_;
  }

  [[nodiscard]] int64_t token_end(int64_t begin) const {
    int64_t end = begin;
    if (end < size() && text_[end] == '"') {
      for (++end; end < size() && text_[end] != '"'; ++end) end += text_[end] == '\\';
      return std::min(end + 1, size());
    }
    while (end < size() && is_word(text_[end])) ++end;
    return std::max(end, std::min(begin + 1, size()));
  }

  // Places a new value in the innermost open one.
  Json& append(JsonKind kind) {
    Json* json = &root_;
    if (!open_.empty()) {
      json = &open_.back()->children.emplace_back();
      if (open_.back()->is(JsonKind::object)) {
        json->key = std::move(key_);
        json->key_begin = key_begin_;
        json->key_end = key_end_;
      }
    }
    json->kind = kind;
    json->begin = skip_to_token();
    return *json;
  }

  Json& scalar(JsonKind kind) {
    Json& json = append(kind);
    json.end = at_ = token_end(json.begin);
    return json;
  }

  bool open(JsonKind kind) {
    Json& json = append(kind);
    json.end = ++at_;
    if (open_.size() >= kDeepest) {
      report_.error(json, "nested too deeply; a description needs no more than a few levels");
      return false;
    }
    open_.push_back(&json);
    return true;
  }

  bool close() {
    open_.back()->end = skip_to_token() + 1;
    ++at_;
    open_.pop_back();
    return true;
  }

  [[nodiscard]] std::string line_of(int64_t place, const std::string& before) const {
    if (report_.is_full()) return {};
    return before + " line " + std::to_string(line_column(*report_.source(), place).line);
  }

  void remove_repeated_keys(Json& object) {
    std::vector<Json>& members = object.children;
    std::vector<size_t> order(members.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return members[a].key < members[b].key; });
    std::vector<bool> repeated(members.size());
    size_t first = 0;
    for (size_t i = 1; i < order.size(); ++i) {
      if (members[order[i]].key != members[order[first]].key) {
        first = i;
        continue;
      }
      const Json& again = members[order[i]];
      report_.key_error(again, "duplicate key " + in_quotes(again.key) +
                                   line_of(members[order[first]].key_begin, ", first given in"));
      repeated[order[i]] = true;
    }
    size_t kept = 0;
    for (size_t i = 0; i < members.size(); ++i) {
      if (repeated[i]) continue;
      if (kept != i) members[kept] = std::move(members[i]);
      ++kept;
    }
    members.resize(kept);
  }
};

// nlohmann's words without its prefix and without the text that the diagnostic quotes anyway:
// "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error while parsing
// value - invalid literal; last read: 'tru,'" becomes "while parsing value - invalid literal".
std::string cleaned(std::string message, const std::string& last_token) {
  for (const std::string before : {"] ", "syntax error "}) {
    const size_t at = message.find(before);
    if (at != std::string::npos) message.erase(0, at + before.size());
  }
  const std::string read = "; last read: '" + last_token + "'";
  const size_t at = message.find(read);
  if (at != std::string::npos) message.erase(at, read.size());
  return message;
}

bool contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

// `position` counts the bytes read, up to the offending one.
bool TreeBuilder::parse_error(std::size_t position, const std::string& last_token,
                              const nlohmann::detail::exception& exception) {
  std::string message = cleaned(exception.what(), last_token);
  int64_t begin = std::clamp<int64_t>(static_cast<int64_t>(position) - 1, 0, size());
  if (contains(message, "unexpected end of input")) begin = size();
  // A literal is known to be wrong only after its last letter.
  if (contains(message, "invalid literal") && begin > 0 && is_word(text_[begin - 1])) --begin;
  int64_t end = std::min(begin + 1, size());
  const char ch = begin < size() ? text_[begin] : '\0';
  int64_t before = begin - 1;
  while (before > 0 && is_space(text_[before])) --before;

  if ((ch == '}' || ch == ']') && before >= 0 && text_[before] == ',') {
    begin = before;
    end = before + 1;
    message = std::string("- a comma with nothing after it, before the closing ") + ch;
  } else if (ch == '/' && contains(message, "invalid literal")) {
    message = "- JSON has no comments";
  } else if (ch == '"' && contains(message, "unexpected string literal")) {
    begin = std::min(skip_to_token(), begin);
    end = token_end(begin);
  } else if (is_word(ch) && (contains(message, "literal") || contains(message, "number"))) {
    while (begin > 0 && is_word(text_[begin - 1])) --begin;
    while (end < size() && is_word(text_[end])) ++end;
    const std::string word = in_quotes(std::string_view(text_).substr(begin, end - begin));
    if (contains(message, "invalid literal")) message = "- " + word + " is no JSON value";
    if (contains(message, "number overflow")) message = "- the number is too large";
  }
  report_.error(begin, end, "syntax error " + message);
  return false;
}

}  // namespace

const Json* Json::find(std::string_view wanted) const {
  if (!is(JsonKind::object)) return nullptr;
  for (const Json& child : children) {
    if (child.key == wanted) return &child;
  }
  return nullptr;
}

void Json::set_reference(int64_t at_begin, int64_t at_end) {
  reference_begin = at_begin;
  reference_end = at_end;
  for (Json& child : children) child.set_reference(at_begin, at_end);
}

std::optional<Json> parse_json(Report& report) {
  const std::string& text = report.source()->text;
  if (static_cast<int64_t>(text.size()) > kLargestText) {
    report.error(0, 0, "larger than 4 MiB, which no description of a network is");
    return std::nullopt;
  }
  if (std::all_of(text.begin(), text.end(), is_space)) {
    report.error(0, 0, "syntax error - the file is empty");
    return std::nullopt;
  }
  // The reader would take a zero byte for the end of the text.
  const size_t zero = text.find('\0');
  if (zero != std::string::npos) {
    const auto at = static_cast<int64_t>(zero);
    report.error(at, at + 1, "syntax error - a zero byte, which JSON does not allow");
    return std::nullopt;
  }
  TreeBuilder builder(report);
  if (!nlohmann::json::sax_parse(text, &builder)) {
    CNNC_CHECK(!report.empty(), "a syntax error without a message");
    return std::nullopt;
  }
  return builder.take();
}

std::string describe(const Json& value) {
  switch (value.kind) {
    case JsonKind::null:
      return "null";
    case JsonKind::boolean:
      return value.boolean ? "true" : "false";
    case JsonKind::integer:
      return std::to_string(value.integer);
    case JsonKind::real:
      return number_text(value.real);
    case JsonKind::text:
      return "the string " + in_quotes(value.text);
    case JsonKind::array:
      return "a list of " + std::to_string(value.children.size());
    case JsonKind::object:
      return "an object";
  }
  return "a value";
}

std::string number_text(double value) {
  char text[32];
  for (int digits : {6, 10, 15, 17}) {
    if (std::abs(value) < 1e15 && value == std::floor(value)) digits = 15;  // 3000000, not 3e+06
    std::snprintf(text, sizeof text, "%.*g", digits, value);
    if (std::strtod(text, nullptr) == value) break;
  }
  return text;
}

std::string pointer_at(const Json& root, int64_t begin, int64_t end) {
  std::string pointer;
  const Json* at = &root;
  while (at->is(JsonKind::array) || at->is(JsonKind::object)) {
    const bool object = at->is(JsonKind::object);
    const auto start = [&](const Json& child) { return object ? child.key_begin : child.begin; };
    auto after =
        std::upper_bound(at->children.begin(), at->children.end(), begin,
                         [&](int64_t place, const Json& child) { return place < start(child); });
    if (after == at->children.begin()) break;
    const Json& child = *--after;
    if (end > child.end) break;
    pointer += '/';
    if (object) {
      for (char ch : child.key) pointer += ch == '~' ? "~0" : ch == '/' ? "~1" : std::string(1, ch);
    } else {
      pointer += std::to_string(after - at->children.begin());
    }
    at = &child;
  }
  return pointer;
}

}  // namespace cnnc
