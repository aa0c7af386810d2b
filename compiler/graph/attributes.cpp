#include "compiler/graph/attributes.h"

#include <cstdio>
#include <cstdlib>

#include "compiler/graph/types.h"
#include "compiler/support/check.h"

namespace cnnc {
namespace {

template <class T>
const T& get(const std::map<std::string, AttrValue>& values, const std::string& name) {
  const auto found = values.find(name);
  CNNC_CHECK(found != values.end(), "no attribute " + name);
  const T* value = std::get_if<T>(&found->second);
  CNNC_CHECK(value != nullptr, "attribute " + name + " is of another kind");
  return *value;
}

}  // namespace

std::string to_string(const AttrValue& value) {
  struct Print {
    std::string operator()(std::monostate) const { return "none"; }
    std::string operator()(int64_t v) const { return std::to_string(v); }
    std::string operator()(double v) const {
      char text[32];
      std::snprintf(text, sizeof text, "%.17g", v);
      char shorter[32];
      std::snprintf(shorter, sizeof shorter, "%g", v);
      return std::strtod(shorter, nullptr) == v ? shorter : text;
    }
    std::string operator()(bool v) const { return v ? "true" : "false"; }
    std::string operator()(const std::string& v) const { return '"' + v + '"'; }
    std::string operator()(const std::vector<int64_t>& v) const { return cnnc::to_string(v); }
    std::string operator()(const std::vector<double>& v) const {
      std::string text = "[";
      for (size_t i = 0; i < v.size(); ++i) text += (i ? ", " : "") + (*this)(v[i]);
      return text + "]";
    }
  };
  return std::visit(Print{}, value);
}

bool Attrs::has(const std::string& name) const { return values_.count(name) != 0; }
int64_t Attrs::integer(const std::string& name) const { return get<int64_t>(values_, name); }
double Attrs::real(const std::string& name) const { return get<double>(values_, name); }
bool Attrs::boolean(const std::string& name) const { return get<bool>(values_, name); }
const std::string& Attrs::text(const std::string& name) const {
  return get<std::string>(values_, name);
}
const std::vector<int64_t>& Attrs::integers(const std::string& name) const {
  return get<std::vector<int64_t>>(values_, name);
}
const std::vector<double>& Attrs::reals(const std::string& name) const {
  return get<std::vector<double>>(values_, name);
}
bool Attrs::is_text(const std::string& name) const {
  const auto found = values_.find(name);
  return found != values_.end() && std::holds_alternative<std::string>(found->second);
}

void set_defaults(Attrs& attrs, const std::vector<AttrSpec>& specs) {
  for (const AttrSpec& spec : specs) {
    if (!attrs.has(spec.name) && !std::holds_alternative<std::monostate>(spec.fallback)) {
      attrs.set(spec.name, spec.fallback);
    }
  }
}

}  // namespace cnnc
