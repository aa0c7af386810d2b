// layer_table and layer_reference. Tested by tests/frontend/schema_test.cpp.
#include "compiler/frontend/attribute_reader.h"
#include "compiler/frontend/json.h"
#include "compiler/frontend/schema.h"
#include "compiler/frontend/sections.h"

namespace cnnc {
namespace {

struct Heading {
  OpRole role;
  const char* one;
  const char* many;
};
constexpr Heading kHeadings[] = {{OpRole::layer, "Layer", "Layers"},
                                 {OpRole::loss, "Loss", "Losses"},
                                 {OpRole::optimizer, "Optimizer", "Optimizers"}};

// A list of equal numbers is written as one.
std::string default_text(const AttrValue& value) {
  if (const auto* list = std::get_if<std::vector<int64_t>>(&value)) {
    bool equal = !list->empty();
    for (int64_t each : *list) equal = equal && each == list->front();
    if (equal) return std::to_string(list->front());
  }
  return to_string(value);
}

bool has_default(const AttrSpec& spec) {
  return !std::holds_alternative<std::monostate>(spec.fallback);
}

std::string value_text(const AttrSpec& spec) {
  const auto choices = [&](const char* before) {
    std::string text;
    for (const std::string& each : spec.choices) {
      text += (text.empty() ? before : ", ") + ("`\"" + each + "\"`");
    }
    return text;
  };
  std::string text;
  switch (spec.kind) {
    case AttrKind::integer:
      text = "integer";
      break;
    case AttrKind::real:
      text = spec.nullable ? "number or `null`" : "number";
      break;
    case AttrKind::boolean:
      text = "`true` or `false`";
      break;
    case AttrKind::text:
      text = spec.choices.empty() ? "string" : choices("");
      break;
    case AttrKind::pair:
      text = std::string("integer") + (spec.nullable ? ", `null`" : "") +
             (spec.axes == 1   ? " or `[length]`"
              : spec.axes == 2 ? " or `[vertical, horizontal]`"
                               : " or `[depth, vertical, horizontal]`");
      break;
    case AttrKind::padding:
      text = (spec.axes == 1 ? "integer, `[start, end]`"
              : spec.axes == 2
                  ? "integer, `[vertical, horizontal]`, `[top, left, bottom, right]`"
                  : "integer, `[depth, vertical, horizontal]`, `[front, top, left, back, bottom, "
                    "right]`") +
             choices(" or ");
      break;
    case AttrKind::integers:
      text = "integer or list of integers";
      break;
    case AttrKind::reals:
      text = "number or list of numbers";
      break;
  }
  // The limits of all attributes of that kind go without saying.
  AttrSpec unlimited;
  unlimited.kind = spec.kind;
  const AttrRange limits = range_of(unlimited);
  if (spec.least > limits.least) text += ", at least " + number_text(spec.least);
  if (spec.most < limits.most) text += ", at most " + number_text(spec.most);
  return text;
}

// Whether its absence says something of its own, rather than that it follows from the inputs: lists
// and numbers with fractions do not.
bool is_optional(const AttrSpec& spec) {
  return spec.kind == AttrKind::integers || spec.kind == AttrKind::reals ||
         spec.kind == AttrKind::real;
}

std::string presence_text(const AttrSpec& spec) {
  if (has_default(spec)) return '`' + default_text(spec.fallback) + '`';
  if (spec.required) return "required";
  return is_optional(spec) ? "none" : "inferred";
}

// "`kernel_size`, `stride` = 1".
std::string attributes_text(const OpDef& op) {
  std::string text;
  for (const AttrSpec& spec : op.attrs) {
    text += (text.empty() ? "`" : ", `") + spec.name + '`';
    if (has_default(spec)) {
      text += " = " + default_text(spec.fallback);
    } else if (!spec.required) {
      text += is_optional(spec) ? " (optional)" : " (inferred)";
    }
  }
  return text;
}

std::string attribute_rows(const std::vector<AttrSpec>& specs) {
  if (specs.empty()) return "";
  std::string text = "\n| Attribute | Value | Default | |\n|---|---|---|---|\n";
  for (const AttrSpec& spec : specs) {
    text += "| `" + spec.name + "` | " + value_text(spec) + " | " + presence_text(spec) + " | " +
            spec.doc + " |\n";
  }
  return text;
}

}  // namespace

std::string layer_table() {
  std::string text;
  for (const Heading& heading : kHeadings) {
    if (!text.empty()) text += "\n";
    text += std::string("| ") + heading.one + " | Attributes | |\n|---|---|---|\n";
    for (const OpDef* op : ops_of_role(heading.role)) {
      text += "| `" + op->name + "` | " + attributes_text(*op) + " | " + op->doc + " |\n";
    }
  }
  return text;
}

std::string layer_reference() {
  std::string text;
  for (const Heading& heading : kHeadings) {
    text += (text.empty() ? "### " : "\n### ") + std::string(heading.many) + "\n";
    for (const OpDef* op : ops_of_role(heading.role)) {
      text += "\n#### " + op->name + "\n\n" + op->doc + "\n" + attribute_rows(op->attrs);
    }
  }
  text += "\n### Schedulers of the learning rate\n";
  for (const LrSchedulerSpec& spec : lr_scheduler_specs()) {
    text += "\n#### " + spec.name + "\n\n" + spec.doc + "\n" + attribute_rows(spec.attrs);
  }
  text += "\n### Augmentation\n";
  for (const AugmentationSpec& spec : augmentation_specs()) {
    text += "\n#### " + spec.name + "\n\n" + spec.doc + "\n" + attribute_rows(spec.attrs);
  }
  return text;
}

}  // namespace cnnc
