// Attributes from JSON, by their AttrSpecs alone: nothing here knows an op.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "compiler/frontend/json.h"
#include "compiler/frontend/model.h"
#include "compiler/graph/attributes.h"

namespace cnnc {

struct ReadAttributes {
  Attrs attrs;                          // those that the object gives, in normal form
  std::map<std::string, Place> places;  // of their values
};

// Reads the members of `object` that `specs` names. Members under `other_keys` are the caller's;
// any further key is an error, as is a required attribute that is missing. `owner` is whom messages
// name: "Conv2d".
[[nodiscard]] ReadAttributes read_attributes(const Json& object, const std::vector<AttrSpec>& specs,
                                             const std::vector<std::string>& other_keys,
                                             const std::string& owner, const Json& root,
                                             Report& report);

// The range of every number of an attribute: that of its spec, within what the compiler can count.
struct AttrRange {
  double least = 0;
  double most = 0;
};
[[nodiscard]] AttrRange range_of(const AttrSpec& spec);

}  // namespace cnnc
