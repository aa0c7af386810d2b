// What layers, losses and optimizers have in common: a type and its attributes, and names.
#pragma once
#include <string>
#include <vector>

#include "compiler/frontend/json.h"
#include "compiler/frontend/model.h"
#include "compiler/frontend/report.h"

namespace cnnc {

// The place of a value in the description `root`.
[[nodiscard]] Place place_of(const Json& json, const Json& root, const Report& report);

// Reports that a value should be something else.
void report_wrong(const Json& json, const std::string& wanted, Report& report);

// Reads "type" and the attributes of the op that it names. Members under `other_keys` are the
// caller's. False where there is no such op.
bool read_op(const Json& json, OpRole role, const std::vector<std::string>& other_keys,
             const Json& root, Report& report, LayerDescription& layer);

enum class NameForm {
  plain,   // letters, digits and _; a letter first: kNamePattern
  dotted,  // letters, digits and _, and dots between such parts: kLayerNamePattern
};
// Reads a name, or reports why it is none.
bool read_name(const Json& json, NameForm form, Report& report, std::string& name);

}  // namespace cnnc
