// The section "layers" of a description, with its blocks.
#pragma once
#include "compiler/frontend/json.h"
#include "compiler/frontend/model.h"
#include "compiler/frontend/report.h"

namespace cnnc {

// Fills in layers, output and warnings. `blocks` is null where the description has none.
void read_layers(const Json& json, const Json* blocks, const Json& root, Report& report,
                 ModelDescription& model);

}  // namespace cnnc
