// Tested by tests/passes/parameters_named_test.cpp.
#include <algorithm>

#include "compiler/passes/passes.h"

namespace cnnc {
namespace {

// * stands for any characters, none included. After a mismatch the last * takes one more.
bool matches(const std::string& pattern, const std::string& name) {
  size_t p = 0, n = 0, star = std::string::npos, taken = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      taken = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string::npos) {
      p = star + 1;
      n = ++taken;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool is_bias(const std::string& name) {
  const std::string ending = ".bias";
  return name.size() >= ending.size() &&
         name.compare(name.size() - ending.size(), ending.size(), ending) == 0;
}

}  // namespace

std::vector<bool> parameters_named(const Graph& graph, const std::vector<ValueId>& parameters,
                                   const std::vector<std::string>& patterns) {
  // Parameters that a node reads beside one of several dimensions.
  std::vector<bool> has_matrix(graph.values.size());
  const auto is_parameter = [&](ValueId id) {
    return id != kNoValue && graph.values[id].kind == ValueKind::parameter;
  };
  for (const Node& node : graph.nodes) {
    const bool any = std::any_of(node.inputs.begin(), node.inputs.end(), [&](ValueId id) {
      return is_parameter(id) && graph.type(id).rank() > 1;
    });
    for (const ValueId id : node.inputs) {
      if (any && is_parameter(id)) has_matrix[id] = true;
    }
  }
  std::vector<bool> result;
  for (const ValueId id : parameters) {
    const std::string& name = graph.values[id].name;
    result.push_back(std::any_of(patterns.begin(), patterns.end(), [&](const std::string& each) {
      if (each == "bias") return is_bias(name);
      if (each == "norm") return !has_matrix[id];
      return matches(each, name);
    }));
  }
  return result;
}

}  // namespace cnnc
