// Attributes of a node: what an op record declares (AttrSpec) and what a node holds (Attrs).
//
// Everything that can be said about an attribute is said once, in its AttrSpec: the parser, the
// range checks, the defaults, the printed graph, the JSON schema and the documentation read it.
#pragma once
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace cnnc {

enum class AttrKind {
  integer,   // 3
  real,      // 0.1
  boolean,   // true
  text,      // one of AttrSpec::choices
  pair,      // 3 or [3, 3]: vertical, horizontal; held as a number for each axis
  padding,   // 1, [1, 1], [top, left, bottom, right] or one of choices; held as text or as numbers,
             // those of the starts of the axes before those of their ends
  integers,  // [0, 2, 1] or 3; held as a list
  reals,     // [0.5] or 0.5; held as a list
};

using AttrValue = std::variant<std::monostate, int64_t, double, bool, std::string,
                               std::vector<int64_t>, std::vector<double>>;

struct AttrSpec {
  std::string name;
  AttrKind kind = AttrKind::integer;
  AttrValue fallback;     // the default; monostate: see `required`
  bool required = false;  // false and no fallback: inferred, and checked where given
  double least = -std::numeric_limits<double>::infinity();  // inclusive, for every number in it
  double most = std::numeric_limits<double>::infinity();
  std::vector<std::string> choices;
  bool nullable = false;  // null may stand for a number: held as 0 in a pair, a real as -1
  size_t axes = 2;        // of a pair or padding: 1 for sequences, 3 for volumes
  std::string doc;
};

[[nodiscard]] std::string to_string(const AttrValue& value);

class Attrs {
 public:
  void set(const std::string& name, AttrValue value) { values_[name] = std::move(value); }
  [[nodiscard]] bool has(const std::string& name) const;

  // The value of an attribute that must be there with this kind; anything else is a bug.
  [[nodiscard]] int64_t integer(const std::string& name) const;
  [[nodiscard]] double real(const std::string& name) const;
  [[nodiscard]] bool boolean(const std::string& name) const;
  [[nodiscard]] const std::string& text(const std::string& name) const;
  [[nodiscard]] const std::vector<int64_t>& integers(const std::string& name) const;
  [[nodiscard]] const std::vector<double>& reals(const std::string& name) const;
  [[nodiscard]] bool is_text(const std::string& name) const;

  [[nodiscard]] const std::map<std::string, AttrValue>& all() const { return values_; }

 private:
  std::map<std::string, AttrValue> values_;  // ordered: printing is deterministic
};

// Sets the default of every attribute of `specs` that has one and is not set yet.
void set_defaults(Attrs& attrs, const std::vector<AttrSpec>& specs);

}  // namespace cnnc
