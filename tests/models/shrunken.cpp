#include "tests/models/shrunken.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "compiler/frontend/model.h"
#include "tests/e2e/networks.h"
#include "tests/support/golden.h"

namespace cnnc::test {
namespace {

using nlohmann::json;

json json_file(const std::string& path) {
  std::ifstream stream(source_path(path));
  REQUIRE(stream.good());
  return json::parse(stream);
}

// Divides what counts channels, in layers, in what blocks are used with, in their defaults: where
// there are several, two are left.
void divide_channels(json& value, int64_t divisor) {
  static const std::set<std::string> counts = {"out_channels", "out_features", "channels", "hidden",
                                               "groups"};
  if (!value.is_structured()) return;
  for (const auto& [key, entry] : value.items()) {
    if (value.is_object() && counts.count(key) > 0 && entry.is_number()) {
      const auto count = entry.get<int64_t>();
      entry = std::max(std::min<int64_t>(count, 2), count / divisor);
    } else {
      divide_channels(entry, divisor);
    }
  }
}

std::string shrunken_description(const std::string& name, const json& recorded) {
  json description = json_file("models/" + name + ".json");
  divide_channels(description, recorded.at("divisor").get<int64_t>());
  json& last = description.at("layers").back();
  last.at(last.at("type") == "Linear" ? "out_features" : "out_channels") = recorded.at("classes");
  for (json& layer : description.at("layers")) {
    if (layer.value("type", "") == "Dropout") layer["p"] = 0;
  }
  description.at("input").at("shape") = recorded.at("input");
  description.at("training").at("batch_size") = recorded.at("batch_size");
  description.at("optimizer").update(recorded.at("optimizer"));
  return description.dump(1);
}

// The elements of a tensor before the step.
std::vector<float> elements(const std::string& name, const Shape& shape) {
  const auto ends_with = [&](const std::string& end) {
    return name.size() >= end.size() &&
           name.compare(name.size() - end.size(), end.size(), end) == 0;
  };
  const int64_t count = element_count(shape);
  const int64_t terms = count / shape[0];  // of a sum
  const double bound = shape.size() > 1 ? std::sqrt(6 / static_cast<double>(terms)) : 0.1;
  const bool is_scale = shape.size() == 1 && (ends_with(".weight") || ends_with(".running_var"));
  std::vector<double> values = uniform(name, count);
  for (double& value : values) value = is_scale ? 0.5 + 1.5 * value : bound * (2 * value - 1);
  return {values.begin(), values.end()};
}

Recorded recorded_values(const json& file) {
  Recorded recorded;
  recorded.evaluated = file.at("evaluated");
  recorded.outputs = file.at("outputs").get<std::vector<double>>();
  recorded.loss = file.at("loss");
  recorded.parameters = file.at("parameters");
  for (const auto& [name, added] : file.at("step").items()) {
    recorded.step[name] = {added.at(0), added.at(1)};
  }
  return recorded;
}

}  // namespace

Shrunken shrunken(const std::string& name) {
  const json file = json_file("tests/models/" + name + ".values.json");
  const Model model = model_of(shrunken_description(name, file));
  const Result<Graph> graph = build_graph(model.description(), model.batch_size());
  REQUIRE(graph.ok());
  const Shape& output = graph->type(graph->outputs[0]).shape;
  const auto classes = file.at("classes").get<int64_t>();
  REQUIRE(output[1] == classes);

  TensorFile weights = *initial_weights(model, 0);
  for (Tensor& tensor : weights.tensors) {
    tensor = f32_tensor(tensor.name, tensor.shape, elements(tensor.name, tensor.shape).data());
  }
  const std::vector<double> pixels =
      uniform("images", model.batch_size() * element_count(model.input_shape()));
  std::vector<int32_t> labels;
  for (const double value : uniform("labels", element_count(output) / classes)) {
    labels.push_back(static_cast<int32_t>(value * static_cast<double>(classes)));
  }
  return {model,
          std::move(weights),
          {pixels.begin(), pixels.end()},
          std::move(labels),
          recorded_values(file)};
}

std::vector<double> uniform(const std::string& name, int64_t count) {
  uint32_t seed = 2166136261U;  // FNV-1a
  for (const char c : name) seed = (seed ^ static_cast<uint8_t>(c)) * 16777619U;
  std::vector<double> values(static_cast<size_t>(count));
  for (double& value : values) {
    uint32_t x = seed;
    x = (x ^ (x >> 16)) * 0x7feb352dU;
    x = (x ^ (x >> 15)) * 0x846ca68bU;
    x ^= x >> 16;
    value = static_cast<double>(x >> 8) / (1 << 24);
    seed += 0x9e3779b9U;
  }
  return values;
}

std::vector<double> direction(const std::string& name, int64_t count) {
  std::vector<double> values = uniform(name + ".direction", count);
  for (double& value : values) value = 2 * value - 1;
  return values;
}

double product(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace cnnc::test
