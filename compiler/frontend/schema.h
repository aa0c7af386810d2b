// The format as documents, generated from the op records: a JSON Schema for editors, tables for
// people. docs/model.schema.json and docs/format.md hold copies; tests compare them.
#pragma once
#include <string>

namespace cnnc {

// JSON Schema, draft 2020-12. It accepts what parse_model accepts, but for what a schema cannot
// say: unique names, inputs that exist, no cycles, sizes.
[[nodiscard]] std::string model_schema();

// Markdown tables of layers, losses and optimizers: one line each.
[[nodiscard]] std::string layer_table();

// Markdown, a section for each layer, loss and optimizer, with a table of its attributes.
[[nodiscard]] std::string layer_reference();

}  // namespace cnnc
