// parse_model and load_model. Tested by tests/frontend/{model,bad}_test.cpp and fuzz_test.cpp.
#include "compiler/frontend/model.h"

#include <algorithm>
#include <filesystem>

#include "compiler/frontend/attribute_reader.h"
#include "compiler/frontend/json.h"
#include "compiler/frontend/layer_order.h"
#include "compiler/frontend/sections.h"
#include "compiler/frontend/training_section.h"
#include "compiler/support/files.h"

namespace cnnc {
namespace {

const char* role_word(OpRole role) {
  switch (role) {
    case OpRole::layer:
      return "layer";
    case OpRole::loss:
      return "loss";
    case OpRole::optimizer:
      return "optimizer";
    case OpRole::internal:
      break;
  }
  return "internal op";
}

std::string with_article(OpRole role) {
  return (role == OpRole::optimizer ? "an " : "a ") + std::string(role_word(role));
}

bool is_name(const std::string& text) {
  const auto letter = [](char ch) { return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z'); };
  if (text.empty() || text.size() > kLongestName || !letter(text[0])) return false;
  return std::all_of(text.begin(), text.end(),
                     [&](char ch) { return letter(ch) || (ch >= '0' && ch <= '9') || ch == '_'; });
}

std::string lower_case(std::string text) {
  for (char& ch : text) ch = static_cast<char>(ch >= 'A' && ch <= 'Z' ? ch - 'A' + 'a' : ch);
  return text;
}

class ModelReader {
 public:
  ModelReader(const Json& root, Report& report) : root_(root), report_(report) {
    model_.source = report.source();
  }

  // The description; of use only if the report is empty.
  ModelDescription read() {
    if (!root_.is(JsonKind::object)) {
      report_.error(root_, "a description is an object {...}, found " + describe(root_));
      return std::move(model_);
    }
    if (!check_version()) return std::move(model_);
    (void)read_attributes(root_, {}, top_level_keys(), "the description", root_, report_);
    if (const Json* name = required("name", "the network's name")) read_name(*name, model_.name);
    if (const Json* input = required("input", "an object with the key \"shape\"")) {
      read_input(*input);
    }
    if (const Json* layers = required("layers", "a list of layers")) read_layers(*layers);
    if (const Json* loss = root_.find("loss")) read_op(*loss, OpRole::loss, {}, model_.loss);
    if (const Json* optimizer = root_.find("optimizer")) {
      read_op(*optimizer, OpRole::optimizer, {kWeightDecayExclude}, model_.optimizer);
      const Json* exclude = optimizer->find(kWeightDecayExclude);
      if (exclude) read_weight_decay_exclude(*exclude, root_, report_, model_);
    }
    if (const Json* training = root_.find("training")) {
      if (training->is(JsonKind::object)) {
        read_training(*training, root_, report_, model_);
      } else {
        wrong(*training, "an object");
      }
    }
    if (const Json* weights = root_.find("weights")) read_weights(*weights);
    if (const Json* winograd = root_.find("winograd")) read_winograd(*winograd);
    return std::move(model_);
  }

 private:
  const Json& root_;
  Report& report_;
  ModelDescription model_;

  Place place(const Json& json) {
    return {report_.span(json.begin, json.end), pointer_at(root_, json.begin, json.end)};
  }

  void wrong(const Json& json, const std::string& wanted) {
    const std::string key = json.key.empty() ? "" : json.key + ": ";
    report_.error(json, key + "expected " + wanted + ", found " + describe(json));
  }

  const Json* required(const char* key, const char* what) {
    const Json* json = root_.find(key);
    if (!json) {
      report_.error(root_, std::string("the description needs the key \"") + key + "\": " + what);
    }
    return json;
  }

  bool check_version() {
    const Json* version = root_.find("cnnc");
    if (!version) {
      report_.error(root_, "the description needs the key \"cnnc\": the version of the format, 1");
      return true;
    }
    if (version->is_number() && version->real == static_cast<double>(kFormatVersion)) return true;
    if (version->is_number()) {
      report_.error(*version, "this compiler reads version 1 of the format, found version " +
                                  describe(*version));
      return false;  // another version has other keys
    }
    wrong(*version, "the version of the format, 1");
    return true;
  }

  bool read_name(const Json& json, std::string& name) {
    if (!json.is(JsonKind::text)) {
      wrong(json, "a string");
      return false;
    }
    if (!is_name(json.text)) {
      wrong(json, "a letter and then letters, digits or _, at most " +
                      std::to_string(kLongestName) + " in all");
      return false;
    }
    name = json.text;
    return true;
  }

  // ---- input

  void read_input(const Json& json) {
    if (!json.is(JsonKind::object)) return wrong(json, "an object with the key \"shape\"");
    model_.input_place = place(json);
    ReadAttributes read = read_attributes(json, input_specs(), {"shape"}, "input", root_, report_);
    const Json* shape = json.find("shape");
    if (!shape) {
      report_.error(
          json, "input needs the key \"shape\", such as [channels, height, width] or [features]");
    } else if (read_shape(*shape)) {
      read_normalisation(json, read.attrs);
    }
  }

  bool read_shape(const Json& json) {
    if (!json.is(JsonKind::array) || json.children.empty() ||
        json.children.size() >= static_cast<size_t>(kMostRank)) {
      wrong(json,
            "1 to 5 sizes without the batch, such as [channels, height, width] or [features]");
      return false;
    }
    int64_t elements = 1;
    Shape shape;
    for (const Json& extent : json.children) {
      if (!extent.is(JsonKind::integer) || extent.integer < 1) {
        report_.error(extent,
                      "shape: expected an integer of at least 1, found " + describe(extent));
        return false;
      }
      if (extent.integer > kMostElements / elements) {
        report_.error(json, "the input has too many elements: a tensor has fewer than 2^31");
        return false;
      }
      elements *= extent.integer;
      shape.push_back(extent.integer);
    }
    model_.input_shape = shape;
    return true;
  }

  void read_normalisation(const Json& input, const Attrs& attrs) {
    const auto channels = static_cast<size_t>(model_.input_shape[0]);
    size_t length = 1;
    for (const char* key : {"mean", "std"}) {
      if (!attrs.has(key)) continue;
      const size_t given = attrs.reals(key).size();
      if (given != 1 && given != channels) {
        report_.error(*input.find(key),
                      std::string(key) + ": expected 1 number or " + std::to_string(channels) +
                          ", one for each channel of the input, found " + std::to_string(given));
        return;
      }
      length = std::max(length, given);
    }
    if (!attrs.has("mean") && !attrs.has("std")) return;
    model_.mean = attrs.has("mean") ? attrs.reals("mean") : std::vector<double>{0.0};
    model_.std = attrs.has("std") ? attrs.reals("std") : std::vector<double>{1.0};
    model_.mean.resize(length, model_.mean[0]);
    model_.std.resize(length, model_.std[0]);
  }

  // ---- layers, loss, optimizer

  // Reads "type" and the attributes of the op that it names.
  bool read_op(const Json& json, OpRole role, const std::vector<std::string>& other_keys,
               LayerDescription& layer) {
    const std::string word = role_word(role);
    layer.place = place(json);
    const Json* type = json.find("type");
    if (!json.is(JsonKind::object) || !type) {
      report_.error(
          json, "expected an object with the key \"type\" (" + with_article(role) + "), found " +
                    (type || !json.is(JsonKind::object) ? describe(json) : "one without it"));
      return false;
    }
    if (!type->is(JsonKind::text)) {
      wrong(*type, "the name of " + with_article(role));
      return false;
    }
    const OpDef* op = find_op(type->text);
    if (op && op->role != role && op->role != OpRole::internal) {
      report_.error(*type, in_quotes(type->text) + " is not " + with_article(role) +
                               ": it belongs under \"" +
                               (op->role == OpRole::layer ? "layers" : role_word(op->role)) + "\"");
      return false;
    }
    if (!op || op->role != role) {
      const std::vector<std::string> names = names_of_role(role);
      const std::string suggestion = suggest(type->text, names);
      report_.error(*type,
                    "unknown " + word + " " + in_quotes(type->text) +
                        (suggestion.empty() ? "; there are " + listed(names) : ""),
                    suggestion);
      return false;
    }
    std::vector<std::string> keys = {"type"};
    keys.insert(keys.end(), other_keys.begin(), other_keys.end());
    ReadAttributes read = read_attributes(json, op->attrs, keys, op->name, root_, report_);
    layer.op = op;
    layer.attrs = std::move(read.attrs);
    layer.attr_places = std::move(read.places);
    return true;
  }

  void read_layers(const Json& json) {
    if (!json.is(JsonKind::array)) return wrong(json, "a list of layers");
    if (json.children.empty()) {
      report_.error(json, "the network has no layers");
      return;
    }
    std::vector<LayerDescription> layers(json.children.size());
    std::map<std::string, size_t> index;  // of each layer by its name
    for (size_t i = 0; i < layers.size(); ++i) {
      read_op(json.children[i], OpRole::layer, {"name", "inputs"}, layers[i]);
      read_layer_name(json.children[i], i, layers, index);
    }
    name_the_rest(layers, index);
    std::vector<std::vector<size_t>> reads(layers.size());
    for (size_t i = 0; i < layers.size(); ++i) {
      reads[i] = read_layer_inputs(json.children[i], i, layers, index);
    }
    arrange(json, std::move(layers), reads);
  }

  void read_layer_name(const Json& json, size_t i, std::vector<LayerDescription>& layers,
                       std::map<std::string, size_t>& index) {
    const Json* name = json.find("name");
    if (!name || !read_name(*name, layers[i].name)) return;
    if (layers[i].name == kNetworkInput) {
      report_.error(*name, "no layer can be called \"input\", which is the network's input");
      return;
    }
    const auto [found, inserted] = index.emplace(layers[i].name, i);
    if (inserted) return;
    const int64_t place = layers[found->second].place.span.begin;
    const int64_t line = report_.is_full() ? 0 : line_column(*report_.source(), place).line;
    report_.error(*name, "duplicate name " + in_quotes(layers[i].name) + ": the layer in line " +
                             std::to_string(line) + " has it already");
  }

  // Names like relu_2, the second of that type, counted on where somebody has that name.
  static void name_the_rest(std::vector<LayerDescription>& layers,
                            std::map<std::string, size_t>& index) {
    std::map<const OpDef*, size_t> count;
    for (size_t i = 0; i < layers.size(); ++i) {
      LayerDescription& layer = layers[i];
      size_t& number = count[layer.op];
      ++number;
      if (!layer.name.empty()) continue;
      const std::string stem = (layer.op ? lower_case(layer.op->name) : "layer") + "_";
      while (!index.emplace(stem + std::to_string(number), i).second) ++number;
      layer.name = stem + std::to_string(number);
    }
  }

  // Fills in the layer's inputs and returns those of them that are layers.
  std::vector<size_t> read_layer_inputs(const Json& json, size_t i,
                                        std::vector<LayerDescription>& layers,
                                        const std::map<std::string, size_t>& index) {
    LayerDescription& layer = layers[i];
    const Json* inputs = json.find("inputs");
    if (!inputs) {
      layer.inputs = {i == 0 ? kNetworkInput : layers[i - 1].name};
      check_input_count(json, layer);
      return i == 0 ? std::vector<size_t>{} : std::vector<size_t>{i - 1};
    }
    std::vector<size_t> reads;
    if (!inputs->is(JsonKind::array)) {
      wrong(*inputs, "a list of names of layers");
      return reads;
    }
    for (const Json& name : inputs->children) {
      if (!name.is(JsonKind::text)) {
        report_.error(name, "inputs: expected the name of a layer, found " + describe(name));
        continue;
      }
      layer.inputs.push_back(name.text);
      if (name.text == kNetworkInput) continue;
      const auto found = index.find(name.text);
      if (found != index.end()) {
        reads.push_back(found->second);
      } else {
        unknown_input(name, index);
      }
    }
    if (layer.inputs.size() == inputs->children.size()) check_input_count(*inputs, layer);
    return reads;
  }

  void unknown_input(const Json& name, const std::map<std::string, size_t>& index) {
    std::string suggestion;
    if (!report_.is_full()) {
      std::vector<std::string> names = {kNetworkInput};
      for (const auto& [each, ignored] : index) names.push_back(each);
      suggestion = suggest(name.text, names);
    }
    report_.error(name, "no layer is called " + in_quotes(name.text), suggestion);
  }

  void check_input_count(const Json& json, const LayerDescription& layer) {
    if (!layer.op) return;
    const InputCount count = input_count(*layer.op);
    const auto given = static_cast<int64_t>(layer.inputs.size());
    if (given >= count.least && (count.most < 0 || given <= count.most)) return;
    const bool exact = count.least == count.most;
    const int64_t limit = given < count.least ? count.least : count.most;
    report_.error(json, layer.op->name + " " + in_quotes(layer.name) + " takes " +
                            (exact                 ? ""
                             : given < count.least ? "at least "
                                                   : "at most ") +
                            std::to_string(limit) + (limit == 1 ? " input" : " inputs") +
                            ", found " + std::to_string(given));
  }

  // Puts the layers in an order in which they can run.
  void arrange(const Json& json, std::vector<LayerDescription> layers,
               const std::vector<std::vector<size_t>>& reads) {
    const LayerOrder sorted = order_layers(reads);
    if (!sorted.cycle.empty()) {
      std::vector<std::string> names;
      names.reserve(sorted.cycle.size());
      for (size_t i : sorted.cycle) names.push_back(layers[i].name);
      const Json& first = json.children[sorted.cycle[0]];
      const Json* inputs = first.find("inputs");
      report_.error(inputs ? *inputs : first,
                    names.size() == 1
                        ? "layer " + in_quotes(names[0]) + " reads itself"
                        : "the layers form a cycle; each of these reads the next, and the last "
                          "the first: " +
                              listed(names));
      return;
    }
    std::vector<bool> is_read(layers.size());
    for (const std::vector<size_t>& each : reads) {
      for (size_t read : each) is_read[read] = true;
    }
    model_.output = layers.back().name;
    for (size_t i = 0; i + 1 < layers.size(); ++i) {
      if (is_read[i] || model_.warnings.size() >= kMostErrors) continue;
      Diagnostic warning = error("nothing reads layer " + in_quotes(layers[i].name) +
                                 ", and it is not the last one, which gives the output");
      warning.severity = Severity::warning;
      warning.span = layers[i].place.span;
      warning.pointer = layers[i].place.pointer;
      model_.warnings.push_back(std::move(warning));
    }
    for (size_t i : sorted.order) model_.layers.push_back(std::move(layers[i]));
  }

  // ---- the rest

  void read_weights(const Json& json) {
    if (!json.is(JsonKind::text) || json.text.empty() ||
        json.text.find('\0') != std::string::npos) {
      return wrong(json, "the path of a .safetensors file");
    }
    const std::filesystem::path folder = std::filesystem::path(model_.source->path).parent_path();
    model_.weights = (folder / json.text).string();  // an absolute path stays as it is
    model_.weights_place = place(json);
  }

  void read_winograd(const Json& json) {
    const bool is_auto = json.is(JsonKind::text) && json.text == "auto";
    const bool is_off = json.is(JsonKind::boolean) && !json.boolean;
    if (!is_auto && !is_off) return wrong(json, "\"auto\" or false");
    model_.winograd = is_auto;
  }
};

}  // namespace

Result<ModelDescription> parse_model(const std::shared_ptr<const Source>& source) {
  Report report(source);
  const std::optional<Json> root = parse_json(report);
  if (!root) return report.finish(nullptr);
  ModelDescription model = ModelReader(*root, report).read();
  if (!report.empty()) return report.finish(&*root);
  return model;
}

Result<ModelDescription> load_model(const std::string& path) {
  Result<std::string> text = read_file(path);
  if (!text) return text.diagnostics();
  return parse_model(std::make_shared<Source>(Source{path, std::move(*text)}));
}

}  // namespace cnnc
