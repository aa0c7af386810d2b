#include "tests/e2e/networks.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <random>

#include "tests/support/golden.h"
#include "tests/support/temp_folder.h"

namespace cnnc::test {
namespace {

constexpr size_t kAlignment = 64;

using RunFunction = int(uint64_t, const cnnc_context*, const void*, void*, size_t, void*, size_t);

// What the header defines as <prefix>_<name>.
std::string text_in_header(const Object& object, const std::string& name) {
  std::string macro = object.prefix;
  for (char& c : macro) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  macro = "#define " + macro + "_" + name + " ";
  const size_t at = object.header.find(macro);
  REQUIRE(at != std::string::npos);
  const size_t first = at + macro.size();
  return object.header.substr(first, object.header.find('\n', first) - first);
}

uint64_t build_id_in_header(const Object& object) {
  const std::string text = text_in_header(object, "BUILD_ID");
  const size_t open = text.find('(');
  REQUIRE(open != std::string::npos);
  return std::stoull(text.substr(open + 1), nullptr, 16);
}

LoadedObject load(const Object& object) {
  Result<LoadedObject> loaded = load_object(object.prefix, object.bytes);
  INFO((loaded ? "" : render(loaded.diagnostics())));
  REQUIRE(loaded.ok());
  return std::move(*loaded);
}

template <class T>
double greatest_distance(const std::vector<float>& found, const std::vector<T>& wanted) {
  REQUIRE(found.size() == wanted.size());
  double greatest = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    const auto a = static_cast<double>(found[i]);
    const auto b = static_cast<double>(wanted[i]);
    const double one = std::abs(a - b) / std::max(1.0, std::abs(b));
    greatest = std::isnan(one) ? INFINITY : std::max(greatest, one);
  }
  return greatest;
}

}  // namespace

int64_t number_in_header(const Object& object, const std::string& name) {
  return std::stoll(text_in_header(object, name));
}

Model model_of(const std::string& json) {
  const TempFolder folder;
  const Result<Model> model = Model::load(folder.write("model.json", json));
  INFO(json);
  INFO((model ? "" : render(model.diagnostics())));
  REQUIRE(model.ok());
  return *model;
}

Model repo_model(const std::string& name) {
  const Result<Model> model = Model::load(source_path("models/" + name + ".json"));
  INFO((model ? "" : render(model.diagnostics())));
  REQUIRE(model.ok());
  return *model;
}

std::vector<float> random_floats(int64_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> result(static_cast<size_t>(count));
  for (float& value : result) value = static_cast<float>(random() >> 8) / (1 << 24);
  return result;
}

std::vector<int32_t> random_labels(int64_t count, int64_t classes, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<int32_t> result(static_cast<size_t>(count));
  for (int32_t& value : result) {
    value = static_cast<int32_t>(random() % static_cast<uint32_t>(classes));
  }
  return result;
}

LoadedNetwork::LoadedNetwork(const Object& object)
    : object_(load(object)),
      run_(object_.find(object.prefix + "_run_images")),
      build_id_(build_id_in_header(object)),
      input_size_(number_in_header(object, "INPUT_SIZE")),
      output_size_(number_in_header(object, "OUTPUT_SIZE")),
      workspace_bytes_(number_in_header(object, "WORKSPACE_BYTES")) {
  REQUIRE(run_ != nullptr);
}

int LoadedNetwork::run_as(uint64_t build_id, const cnnc_context* context, const void* input,
                          void* output, size_t images, void* workspace,
                          size_t workspace_bytes) const {
  return reinterpret_cast<RunFunction*>(run_)(build_id, context, input, output, images, workspace,
                                              workspace_bytes);
}

int LoadedNetwork::run(const cnnc_context* context, const void* input, void* output, size_t images,
                       void* workspace, size_t workspace_bytes) const {
  return run_as(build_id_, context, input, output, images, workspace, workspace_bytes);
}

std::vector<float> LoadedNetwork::outputs(const std::vector<float>& input,
                                          const cnnc_context* context) const {
  const auto in = static_cast<size_t>(input_size_);
  const auto out = static_cast<size_t>(output_size_);
  const auto bytes = static_cast<size_t>(workspace_bytes_);
  std::vector<uint8_t> storage(bytes + kAlignment, 0xff);
  uint8_t* workspace = storage.data();
  while (reinterpret_cast<uintptr_t>(workspace) % kAlignment != 0) ++workspace;
  const size_t images = input.size() / in;
  std::vector<float> result(images * out);
  if (run(context, input.data(), result.data(), images, workspace, bytes) != CNNC_OK) return {};
  return result;
}

std::vector<double> reference_outputs(const Model& model, const TensorFile& weights,
                                      const std::vector<float>& images, int64_t batch) {
  const Result<Graph> graph = build_graph(model.description(), batch);
  INFO((graph ? "" : render(graph.diagnostics())));
  REQUIRE(graph.ok());
  GivenValues given;
  for (size_t i = 0; i < graph->values.size(); ++i) {
    const Value& value = graph->values[i];
    const auto id = static_cast<ValueId>(i);
    if (value.kind == ValueKind::parameter) given[id] = reference_tensor(*weights.find(value.name));
    if (value.kind != ValueKind::input) continue;
    given[id].shape = value.type.shape;
    given[id].data.assign(images.begin(), images.begin() + element_count(value.type.shape));
  }
  return interpret(*graph, given)[graph->outputs[0]].data;
}

double cross_entropy(const std::vector<double>& outputs, const std::vector<int32_t>& labels) {
  const size_t classes = outputs.size() / labels.size();
  double loss = 0;
  for (size_t n = 0; n < labels.size(); ++n) {
    const double* row = outputs.data() + n * classes;
    const double most = *std::max_element(row, row + classes);
    double sum = 0;
    for (size_t c = 0; c < classes; ++c) sum += std::exp(row[c] - most);
    loss += most + std::log(sum) - row[labels[n]];
  }
  return loss / static_cast<double>(labels.size());
}

ReferenceTensor reference_tensor(const Tensor& tensor) {
  const std::vector<float> values = f32_values(tensor);
  return {tensor.shape, {values.begin(), values.end()}};
}

double distance(const std::vector<float>& found, const std::vector<double>& wanted) {
  return greatest_distance(found, wanted);
}

double distance(const std::vector<float>& found, const std::vector<float>& wanted) {
  return greatest_distance(found, wanted);
}

void use_own_cache() {
  static const TempFolder folder;
  ::setenv("CNNC_CACHE_DIR", folder.path().c_str(), 1);
}

}  // namespace cnnc::test
