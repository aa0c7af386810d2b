// model_schema. Tested by tests/frontend/schema_test.cpp.
#include "compiler/frontend/schema.h"

#include <cmath>

#include <nlohmann/json.hpp>

#include "compiler/frontend/attribute_reader.h"
#include "compiler/frontend/sections.h"
#include "compiler/frontend/training_section.h"
#include "compiler/support/check.h"

namespace cnnc {
namespace {

using Schema = nlohmann::ordered_json;

Schema number(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15) return static_cast<int64_t>(value);
  return value;
}

Schema number_schema(const AttrSpec& spec) {
  const bool real = spec.kind == AttrKind::real || spec.kind == AttrKind::reals;
  const AttrRange range = range_of(spec);
  return {{"type", real ? "number" : "integer"},
          {"minimum", number(range.least)},
          {"maximum", number(range.most)}};
}

Schema list_schema(const Schema& item, size_t least, size_t most) {
  Schema list = {{"type", "array"}, {"items", item}, {"minItems", least}};
  if (most > 0) list["maxItems"] = most;
  return list;
}

// A list of equal numbers is written as one.
template <class T>
Schema short_list(const std::vector<T>& list) {
  bool equal = !list.empty();
  for (T each : list) equal = equal && each == list[0];
  return equal ? Schema(list[0]) : Schema(list);
}

Schema default_value(const AttrValue& value) {
  struct Convert {
    Schema operator()(std::monostate) const { return nullptr; }
    Schema operator()(int64_t v) const { return v; }
    Schema operator()(double v) const { return number(v); }
    Schema operator()(bool v) const { return v; }
    Schema operator()(const std::string& v) const { return v; }
    Schema operator()(const std::vector<int64_t>& v) const { return short_list(v); }
    Schema operator()(const std::vector<double>& v) const { return short_list(v); }
  };
  return std::visit(Convert{}, value);
}

// In the place of a value of a layer may stand a parameter of the block around it: "$channels".
enum class Parameters { none, admitted };
constexpr const char* kParameterPattern = "^\\$";

void admit_parameter(Schema& schema) {
  Schema& type = schema["type"];
  if (!type.is_array()) type = Schema::array({type});
  type.push_back("string");
  schema["pattern"] = kParameterPattern;
}

Schema attribute_schema(const AttrSpec& spec, Parameters parameters) {
  const bool admits = parameters == Parameters::admitted;
  Schema item = number_schema(spec);
  if (spec.nullable) item["type"] = {item["type"], "null"};
  if (admits) admit_parameter(item);
  Schema schema;
  switch (spec.kind) {
    case AttrKind::integer:
    case AttrKind::real:
      schema = item;
      break;
    case AttrKind::boolean:
      schema["type"] = "boolean";
      if (admits) admit_parameter(schema);
      break;
    case AttrKind::text:
      schema["type"] = "string";
      if (!spec.choices.empty() && admits) {
        schema["anyOf"] = {{{"enum", spec.choices}}, {{"pattern", kParameterPattern}}};
      } else if (!spec.choices.empty()) {
        schema["enum"] = spec.choices;
      }
      break;
    case AttrKind::pair:
      schema["anyOf"] = {item, list_schema(item, spec.axes, spec.axes)};
      break;
    case AttrKind::padding:
      schema["anyOf"] = {item, list_schema(item, spec.axes, spec.axes),
                         list_schema(item, 2 * spec.axes, 2 * spec.axes)};
      if (!spec.choices.empty()) schema["anyOf"].push_back({{"enum", spec.choices}});
      break;
    case AttrKind::integers:
    case AttrKind::reals:
      schema["anyOf"] = {item, list_schema(item, 1, 0)};
      break;
  }
  if (!std::holds_alternative<std::monostate>(spec.fallback)) {
    schema["default"] = default_value(spec.fallback);
  }
  if (!spec.doc.empty()) schema["description"] = spec.doc;
  return schema;
}

// An object with the attributes of `specs` beside what `properties` has already.
Schema object_schema(Schema properties, Schema required, const std::vector<AttrSpec>& specs,
                     Parameters parameters = Parameters::none) {
  for (const AttrSpec& spec : specs) {
    properties[spec.name] = attribute_schema(spec, parameters);
    if (spec.required) required.push_back(spec.name);
  }
  return {{"type", "object"},
          {"properties", std::move(properties)},
          {"required", std::move(required)},
          {"additionalProperties", false}};
}

Schema name_schema(const char* description) {
  return {{"type", "string"},
          {"pattern", kNamePattern},
          {"maxLength", kLongestName},
          {"description", description}};
}

Schema layer_name_schema(const char* description) {
  return {{"type", "string"},
          {"pattern", kLayerNamePattern},
          {"maxLength", kLongestLayerName},
          {"description", description}};
}

Schema op_schema(const OpDef& op) {
  Schema properties = {{"type", {{"const", op.name}}}};
  Schema required = {"type"};
  if (op.role == OpRole::layer) {
    properties["name"] = layer_name_schema(
        "Names the layer's parameters and lets other layers read it. Default: the type in lower "
        "case and a number.");
    const InputCount count = input_count(op);
    Schema inputs = list_schema({{"type", "string"}}, count.least,
                                count.most < 0 ? 0 : static_cast<size_t>(count.most));
    inputs["description"] =
        "The layers read, or \"input\". Default: the layer before, for the first \"input\".";
    properties["inputs"] = std::move(inputs);
    if (count.least > 1) required.push_back("inputs");
  }
  if (op.role == OpRole::optimizer) {
    properties[kWeightDecayExclude] = list_schema({{"type", "string"}, {"minLength", 1}}, 0, 0);
    properties[kWeightDecayExclude]["description"] =
        "Parameters without weight decay: \"bias\", \"norm\", or names, where * stands for any "
        "characters.";
  }
  const bool is_layer = op.role == OpRole::layer;
  Schema schema = object_schema(std::move(properties), std::move(required), op.attrs,
                                is_layer ? Parameters::admitted : Parameters::none);
  if (!op.doc.empty()) schema["description"] = op.doc;
  return schema;
}

// One of the schedulers of the learning rate, as role_schema has ops.
Schema lr_scheduler_schema() {
  const Schema itself = {{"$ref", "#/$defs/lr_scheduler"}};
  const Schema interval = {{"enum", {"epochs", "steps"}},
                           {"description", "What the scheduler counts."}};
  std::vector<std::string> names;
  Schema cases = Schema::array();
  const auto add = [&](const std::string& name, Schema schema) {
    names.push_back(name);
    cases.push_back(
        {{"if", {{"properties", {{"type", {{"const", name}}}}}, {"required", {"type"}}}},
         {"then", std::move(schema)}});
  };
  for (const LrSchedulerSpec& spec : lr_scheduler_specs()) {
    Schema schema = object_schema({{"type", {{"const", spec.name}}}, {"interval", interval}},
                                  {"type"}, spec.attrs);
    schema["properties"]["interval"]["default"] = spec.per_step ? "steps" : "epochs";
    schema["description"] = spec.doc;
    add(spec.name, std::move(schema));
  }
  const Schema milestone = {{"type", "integer"}, {"minimum", 1}};
  Schema sequence =
      object_schema({{"type", {{"const", kSequentialLr}}},
                     {"interval", interval},
                     {"schedulers", list_schema(itself, 1, 0)},
                     {"milestones", {{"anyOf", {milestone, list_schema(milestone, 1, 0)}}}}},
                    {"type", "schedulers", "milestones"}, {});
  sequence["description"] = "one scheduler after the other; the next begins at each milestone";
  add(kSequentialLr, std::move(sequence));
  return {{"description", "How the learning rate changes."},
          {"type", "object"},
          {"properties", {{"type", {{"enum", names}}}}},
          {"required", {"type"}},
          {"allOf", std::move(cases)}};
}

// One of the random changes of training images, as role_schema has ops.
Schema augmentation_schema() {
  std::vector<std::string> names;
  Schema cases = Schema::array();
  for (const AugmentationSpec& spec : augmentation_specs()) {
    names.push_back(spec.name);
    Schema schema = object_schema({{"type", {{"const", spec.name}}}}, {"type"}, spec.attrs);
    schema["description"] = spec.doc;
    cases.push_back(
        {{"if", {{"properties", {{"type", {{"const", spec.name}}}}}, {"required", {"type"}}}},
         {"then", std::move(schema)}});
  }
  const Schema step = {{"type", "object"},
                       {"properties", {{"type", {{"enum", names}}}}},
                       {"required", {"type"}},
                       {"allOf", std::move(cases)}};
  Schema schema = list_schema(step, 0, 0);
  schema["description"] = "Random changes of the training images, one after the other.";
  return schema;
}

// One of the ops of that role. The type picks the schema, so that errors speak of that op alone.
Schema role_schema(OpRole role, const char* description) {
  Schema cases = Schema::array();
  for (const std::string& name : names_of_role(role)) {
    cases.push_back(
        {{"if", {{"properties", {{"type", {{"const", name}}}}}, {"required", {"type"}}}},
         {"then", {{"$ref", "#/$defs/" + name}}}});
  }
  Schema schema = {{"description", description},
                   {"type", "object"},
                   {"properties", {{"type", {{"enum", names_of_role(role)}}}}},
                   {"required", {"type"}}};
  if (!cases.empty()) schema["allOf"] = std::move(cases);
  return schema;
}

Schema block_use_schema() {
  const Schema name =
      layer_name_schema("Comes before the names of the block's layers, with a dot.");
  const Schema names = list_schema({{"type", "string"}}, 1, 0);
  Schema schema = object_schema(
      {{"block", {{"type", "string"}, {"description", "The block whose layers stand here."}}},
       {"name", name},
       {"inputs", names},
       {"with", {{"type", "object"}, {"description", "Arguments by the names of parameters."}}}},
      {"block"}, block_use_specs(), Parameters::admitted);
  schema["properties"]["inputs"]["description"] =
      "What the block's inputs are. Default: the layer before.";
  schema["description"] = "A use of a block.";
  return schema;
}

// Layers and uses of blocks.
Schema layers_schema(const char* description) {
  const Schema item = {{"if", {{"required", {"block"}}}},
                       {"then", {{"$ref", "#/$defs/block_use"}}},
                       {"else", {{"$ref", "#/$defs/layer"}}}};
  Schema schema = list_schema(item, 1, 0);
  schema["description"] = description;
  return schema;
}

Schema blocks_schema() {
  const Schema name = {{"type", "string"}, {"pattern", kNamePattern}, {"maxLength", kLongestName}};
  Schema parameters = list_schema(name, 0, 0);
  parameters["description"] = "Parameters that each use gives: \"$name\" stands for them.";
  Schema inputs = list_schema(name, 1, 0);
  inputs["description"] = "What the block's layers call its inputs. Default: \"input\".";
  const Schema defaults = {
      {"type", "object"},
      {"propertyNames", name},
      {"description", "Further parameters, with the values that they have unless they are given."}};
  const Schema block = object_schema(
      {{"parameters", std::move(parameters)},
       {"defaults", defaults},
       {"inputs", std::move(inputs)},
       {"layers", layers_schema("The block's layers; the last one listed gives its output.")}},
      {"layers"}, {});
  return {{"description", "Layers that are used more than once, by names."},
          {"type", "object"},
          {"propertyNames", name},
          {"additionalProperties", block}};
}

Schema input_schema() {
  const Schema extent = {{"type", "integer"}, {"minimum", 1}, {"maximum", 2147483647}};
  Schema shape = list_schema(extent, 1, kMostRank - 1);
  shape["description"] =
      "1 to 5 sizes without the batch, such as [channels, height, width] or [features].";
  Schema schema = object_schema({{"shape", shape}}, {"shape"}, input_specs());
  schema["description"] = "What the network reads.";
  return schema;
}

}  // namespace

std::string model_schema() {
  Schema training = object_schema(
      {{kLrScheduler, {{"$ref", "#/$defs/lr_scheduler"}}}, {kAugmentation, augmentation_schema()}},
      Schema::array(), training_specs());
  training["description"] = "How cnnc-train trains, where it is not told otherwise.";
  const Schema properties = {
      {"$schema", {{"type", "string"}, {"description", "Ignored; for editors."}}},
      {"cnnc", {{"const", kFormatVersion}, {"description", "The version of this format."}}},
      {"name",
       name_schema("The network's name: the prefix of everything in the generated header.")},
      {"input", input_schema()},
      {"blocks", blocks_schema()},
      {"layers",
       layers_schema("The layers. Each reads the one before unless it has \"inputs\"; the last one "
                     "listed gives the output.")},
      {"loss", role_schema(OpRole::loss, "What training minimises.")},
      {"optimizer", role_schema(OpRole::optimizer, "How training changes the weights.")},
      {"training", std::move(training)},
      {"weights",
       {{"type", "string"},
        {"minLength", 1},
        {"description",
         "The trained weights, a .safetensors file; relative to the folder of the description."}}},
      {"winograd",
       {{"enum", {"auto", false}},
        {"default", "auto"},
        {"description",
         "Whether convolutions may use Winograd's algorithm, which is faster and rounds more."}}}};
  Schema definitions = {{"layer", role_schema(OpRole::layer, "A layer.")},
                        {"block_use", block_use_schema()},
                        {"lr_scheduler", lr_scheduler_schema()}};
  for (OpRole role : {OpRole::layer, OpRole::loss, OpRole::optimizer}) {
    for (const OpDef* op : ops_of_role(role)) definitions[op->name] = op_schema(*op);
  }
  const Schema schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                         {"title", "Description of a network for cnnc"},
                         {"type", "object"},
                         {"properties", properties},
                         {"required", {"cnnc", "name", "input", "layers"}},
                         {"additionalProperties", false},
                         {"$defs", std::move(definitions)}};
  CNNC_CHECK(properties.size() == top_level_keys().size(), "the schema lacks a key");
  return schema.dump(2) + "\n";
}

}  // namespace cnnc
