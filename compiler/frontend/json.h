// A JSON text as a tree in which every value and every key knows its bytes.
//
// nlohmann/json reads the text; the tree is ours, because a diagnostic needs the place of keys and
// of strings with escapes, and because a key that is given twice is an error.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/frontend/report.h"

namespace cnnc {

enum class JsonKind { null, boolean, integer, real, text, array, object };

struct Json {
  JsonKind kind = JsonKind::null;
  int64_t begin = 0;  // of the value: bytes [begin, end) of the source
  int64_t end = 0;

  bool boolean = false;
  int64_t integer = 0;
  double real = 0;             // of integers too
  std::string text;            // UTF-8
  std::vector<Json> children;  // of an array, or the members of an object, in the order of the text

  std::string key;  // of a member of an object
  int64_t key_begin = 0;
  int64_t key_end = 0;

  // Of an argument that stands for a parameter of a block: where the parameter is named.
  int64_t reference_begin = -1;
  int64_t reference_end = -1;
  // Sets that of the value and all within.
  void set_reference(int64_t at_begin, int64_t at_end);

  [[nodiscard]] bool is(JsonKind wanted) const { return kind == wanted; }
  [[nodiscard]] bool is_number() const { return is(JsonKind::integer) || is(JsonKind::real); }
  // The member of that key, or null.
  [[nodiscard]] const Json* find(std::string_view wanted) const;
};

// The tree, or nothing after a syntax error. Both that and repeated keys go to the report; of a
// repeated key the tree has the first. Text of any kind and size is safe to pass.
[[nodiscard]] std::optional<Json> parse_json(Report& report);

// What stands there, for messages: "3", "the string "abc"", "a list of 3", "an object".
[[nodiscard]] std::string describe(const Json& value);

// A number as one would write it: "3", "0.1".
[[nodiscard]] std::string number_text(double value);

// The JSON pointer of the innermost value that holds the bytes [begin, end), key included.
[[nodiscard]] std::string pointer_at(const Json& root, int64_t begin, int64_t end);

}  // namespace cnnc
