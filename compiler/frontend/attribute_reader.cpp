// Tested by tests/frontend/attribute_reader_test.cpp.
#include "compiler/frontend/attribute_reader.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "compiler/support/check.h"

namespace cnnc {
namespace {

constexpr double kMostInteger = 2147483647;  // products of two fit
constexpr double kMostWindow = 32767;        // products of two, times a tensor's size, fit
constexpr double kMostReal = std::numeric_limits<float>::max();

std::string choices_text(const AttrSpec& spec) {
  std::vector<std::string> words;
  words.reserve(spec.choices.size());
  for (const std::string& choice : spec.choices) words.push_back('"' + choice + '"');
  return listed(words);
}

// What stands for one axis each.
std::string axes_text(size_t axes) {
  return axes == 1   ? "[length]"
         : axes == 2 ? "[vertical, horizontal]"
                     : "[depth, vertical, horizontal]";
}

std::string pair_text(const AttrSpec& spec) {
  const std::string one = spec.nullable ? "an integer, null or " : "an integer or ";
  const std::string form = " " + axes_text(spec.axes);
  const std::string what = spec.nullable ? "these" : "integers";
  if (spec.axes == 2) return one + "a pair of " + what + form;
  if (spec.axes == 3) return one + "three of " + what + form;
  return one + "a list of one" + form;
}

std::string padding_text(const AttrSpec& spec) {
  const std::string choice = spec.choices.empty() ? "" : " or one of " + choices_text(spec);
  if (spec.axes == 1) return "an integer, two integers [start, end]" + choice;
  if (spec.axes == 2) {
    return "an integer, a pair [vertical, horizontal], four integers [top, left, bottom, right]" +
           choice;
  }
  return "an integer, three integers [depth, vertical, horizontal], six integers [front, top, "
         "left, "
         "back, bottom, right]" +
         choice;
}

std::string expected(const AttrSpec& spec) {
  switch (spec.kind) {
    case AttrKind::integer:
      return "an integer";
    case AttrKind::real:
      return spec.nullable ? "a number or null" : "a number";
    case AttrKind::boolean:
      return "true or false";
    case AttrKind::text:
      return spec.choices.empty() ? "a string" : "one of " + choices_text(spec);
    case AttrKind::pair:
      return pair_text(spec);
    case AttrKind::padding:
      return padding_text(spec);
    case AttrKind::integers:
      return "an integer or a list of integers";
    case AttrKind::reals:
      return "a number or a list of numbers";
  }
  CNNC_CHECK(false, "unknown kind of attribute");
  return {};
}

// Reads one attribute. Each step reports and returns nothing where it fails.
class ValueReader {
 public:
  ValueReader(const AttrSpec& spec, Report& report) : spec_(spec), report_(report) {}

  void read(const Json& json, Attrs& attrs) {
    switch (spec_.kind) {
      case AttrKind::integer:
        return store(integer(json, expected(spec_)), attrs);
      case AttrKind::real:
        return store(real(json, expected(spec_)), attrs);
      case AttrKind::boolean:
        return store(boolean(json), attrs);
      case AttrKind::text:
        return store(text(json), attrs);
      case AttrKind::pair:
        return store(integers(json, {spec_.axes}), attrs);
      case AttrKind::padding:
        if (json.is(JsonKind::text)) return store(text(json), attrs);
        return store(integers(json, {spec_.axes, 2 * spec_.axes}), attrs);
      case AttrKind::integers:
        return store(integers(json, {}), attrs);
      case AttrKind::reals:
        return store(reals(json), attrs);
    }
  }

 private:
  const AttrSpec& spec_;
  Report& report_;

  template <class T>
  void store(const std::optional<T>& value, Attrs& attrs) {
    if (value) attrs.set(spec_.name, *value);
  }

  std::nullopt_t wrong(const Json& json, const std::string& wanted) {
    report_.error(json, spec_.name + ": expected " + wanted + ", found " + describe(json));
    return std::nullopt;
  }

  bool in_range(const Json& json) {
    const AttrRange range = range_of(spec_);
    if (json.real >= range.least && json.real <= range.most) return true;
    const bool below = json.real < range.least;
    const double limit = below ? range.least : range.most;
    const bool too_much = limit != (below ? spec_.least : spec_.most);  // ours, not the spec's
    report_.error(json, spec_.name + (too_much ? " is too large: it must be " : " must be ") +
                            (below ? "at least " : "at most ") + number_text(limit) + ", found " +
                            describe(json));
    return false;
  }

  std::optional<int64_t> integer(const Json& json, const std::string& wanted) {
    if (spec_.nullable && json.is(JsonKind::null)) return 0;
    // 3.0 is an integer, as it is for JSON Schema.
    if (!json.is_number() || json.real != std::floor(json.real)) return wrong(json, wanted);
    if (!in_range(json)) return std::nullopt;
    return static_cast<int64_t>(json.real);
  }

  std::optional<double> real(const Json& json, const std::string& wanted) {
    if (spec_.nullable && json.is(JsonKind::null)) return -1;
    if (!json.is_number()) return wrong(json, wanted);
    if (!in_range(json)) return std::nullopt;
    return json.real;
  }

  std::optional<bool> boolean(const Json& json) {
    if (!json.is(JsonKind::boolean)) return wrong(json, expected(spec_));
    return json.boolean;
  }

  std::optional<std::string> text(const Json& json) {
    if (!json.is(JsonKind::text)) return wrong(json, expected(spec_));
    const std::vector<std::string>& choices = spec_.choices;
    if (!choices.empty() && std::find(choices.begin(), choices.end(), json.text) == choices.end()) {
      report_.error(json,
                    spec_.name + ": expected " + expected(spec_) + ", found " + describe(json),
                    suggest(json.text, choices));
      return std::nullopt;
    }
    return json.text;
  }

  // One number, or a list whose length is one of `counts`; repeated to the greatest of them.
  // Without counts, any list that is not empty.
  std::optional<std::vector<int64_t>> integers(const Json& json,
                                               const std::vector<size_t>& counts) {
    std::vector<int64_t> numbers;
    if (json.is(JsonKind::array)) {
      const size_t length = json.children.size();
      const bool fits =
          counts.empty() ? length > 0 : std::count(counts.begin(), counts.end(), length) > 0;
      if (!fits) return wrong(json, expected(spec_));
      for (const Json& child : json.children) {
        const std::optional<int64_t> number =
            integer(child, spec_.nullable ? "an integer or null" : "an integer");
        if (number) numbers.push_back(*number);
      }
      if (numbers.size() != json.children.size()) return std::nullopt;
    } else {
      const std::optional<int64_t> number = integer(json, expected(spec_));
      if (!number) return std::nullopt;
      numbers.push_back(*number);
    }
    const size_t given = numbers.size();
    while (!counts.empty() && numbers.size() < counts.back())
      numbers.push_back(numbers[numbers.size() % given]);
    return numbers;
  }

  std::optional<std::vector<double>> reals(const Json& json) {
    std::vector<double> numbers;
    if (!json.is(JsonKind::array)) {
      const std::optional<double> number = real(json, expected(spec_));
      if (!number) return std::nullopt;
      return std::vector<double>{*number};
    }
    if (json.children.empty()) return wrong(json, expected(spec_));
    for (const Json& child : json.children) {
      const std::optional<double> number = real(child, "a number");
      if (number) numbers.push_back(*number);
    }
    if (numbers.size() != json.children.size()) return std::nullopt;
    return numbers;
  }
};

void unknown_key(const Json& member, const std::vector<AttrSpec>& specs,
                 const std::vector<std::string>& other_keys, const std::string& owner,
                 Report& report) {
  std::vector<std::string> known = other_keys;
  for (const AttrSpec& spec : specs) known.push_back(spec.name);
  const std::string suggestion = suggest(member.key, known);
  std::string message = "unknown key " + in_quotes(member.key) + " in " + owner;
  if (suggestion.empty()) message += "; it takes " + listed(known);
  report.key_error(member, std::move(message), suggestion);
}

}  // namespace

AttrRange range_of(const AttrSpec& spec) {
  double most = kMostReal;
  if (spec.kind == AttrKind::integer || spec.kind == AttrKind::integers) most = kMostInteger;
  if (spec.kind == AttrKind::pair || spec.kind == AttrKind::padding) most = kMostWindow;
  return {std::max(spec.least, -most), std::min(spec.most, most)};
}

ReadAttributes read_attributes(const Json& object, const std::vector<AttrSpec>& specs,
                               const std::vector<std::string>& other_keys, const std::string& owner,
                               const Json& root, Report& report) {
  ReadAttributes result;
  for (const Json& member : object.children) {
    const auto spec = std::find_if(specs.begin(), specs.end(),
                                   [&](const AttrSpec& each) { return each.name == member.key; });
    if (spec == specs.end()) {
      if (std::find(other_keys.begin(), other_keys.end(), member.key) == other_keys.end()) {
        unknown_key(member, specs, other_keys, owner, report);
      }
      continue;
    }
    result.places[spec->name] = {report.span(member.begin, member.end),
                                 pointer_at(root, member.begin, member.end)};
    ValueReader(*spec, report).read(member, result.attrs);
  }
  for (const AttrSpec& spec : specs) {
    if (spec.required && !object.find(spec.name)) {
      report.error(object, owner + " needs the key \"" + spec.name + "\": " + expected(spec));
    }
  }
  return result;
}

}  // namespace cnnc
