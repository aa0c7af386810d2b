// parse_model and load_model. Tested by tests/frontend/{model,bad}_test.cpp and fuzz_test.cpp.
#include "compiler/frontend/model.h"

#include <algorithm>
#include <filesystem>

#include "compiler/frontend/attribute_reader.h"
#include "compiler/frontend/json.h"
#include "compiler/frontend/layers_section.h"
#include "compiler/frontend/op_reader.h"
#include "compiler/frontend/sections.h"
#include "compiler/frontend/training_section.h"
#include "compiler/support/files.h"

namespace cnnc {
namespace {

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
    if (const Json* name = required("name", "the network's name")) {
      read_name(*name, NameForm::plain, report_, model_.name);
    }
    if (const Json* input = required("input", "an object with the key \"shape\"")) {
      read_input(*input);
    }
    if (const Json* layers = required("layers", "a list of layers")) {
      read_layers(*layers, root_.find("blocks"), root_, report_, model_);
    }
    if (const Json* loss = root_.find("loss")) {
      read_op(*loss, OpRole::loss, {}, root_, report_, model_.loss);
    }
    if (const Json* optimizer = root_.find("optimizer")) {
      read_op(*optimizer, OpRole::optimizer, {kWeightDecayExclude}, root_, report_,
              model_.optimizer);
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

  Place place(const Json& json) { return place_of(json, root_, report_); }

  void wrong(const Json& json, const std::string& wanted) { report_wrong(json, wanted, report_); }

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
