// The comparison of compiled networks with plain loops: agreement, and where a difference begins.
#include "compiler/driver/compare.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "tests/e2e/networks.h"

namespace cnnc::test {
namespace {

constexpr const char* kNetwork = R"({
  "cnnc": 1, "name": "compared",
  "input": {"shape": [2, 13, 11], "mean": 0.4},
  "layers": [
    {"type": "Conv2d", "name": "first", "out_channels": 7, "kernel_size": 3, "padding": 1},
    {"type": "ReLU", "name": "relu"},
    {"type": "Conv2d", "name": "second", "out_channels": 7, "kernel_size": 3, "padding": 1},
    {"type": "Add", "name": "sum", "inputs": ["second", "relu"]},
    {"type": "MaxPool2d", "name": "pool", "kernel_size": 2},
    {"type": "Flatten"},
    {"type": "Linear", "name": "classes", "out_features": 5},
    {"type": "Softmax", "name": "softmax"}]})";

CompareOptions options() {
  CompareOptions result;
  result.use_cache = false;
  return result;
}

// The weights with one element of a tensor changed.
TensorFile changed(TensorFile weights, const std::string& name, float value) {
  for (Tensor& tensor : weights.tensors) {
    if (tensor.name == name) std::memcpy(tensor.bytes.data(), &value, sizeof value);
  }
  return weights;
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

TEST_CASE("compiled networks and plain loops agree") {
  for (const Model& model : {model_of(kNetwork), repo_model("residual"), repo_model("mnist_cnn")}) {
    INFO(model.name());
    const TensorFile weights = *initial_weights(model, 1);
    const int64_t size = element_count(model.input_shape());
    for (int64_t batch : {1, 3}) {
      const Result<Comparison> compared =
          compare(model, weights, weights, random_floats(batch * size, 2), options());
      REQUIRE(compared.ok());
      for (const ComparedValue& value : compared->values) {
        INFO(value.kernel << ": " << value.error << " of " << value.magnitude);
        CHECK(!value.differs);
        CHECK(value.magnitude > 0);
        CHECK(value.shape[0] == batch);
        CHECK(!value.layers.empty());
      }
      CHECK(compared->first_difference() == nullptr);
      CHECK(distance_of(compared->output, compared->expected).error <= 1e-5);
    }
  }
}

TEST_CASE("the first layer with a difference is named") {
  const Model model = model_of(kNetwork);
  const TensorFile weights = *initial_weights(model, 1);
  const std::vector<float> images = random_floats(element_count(model.input_shape()), 2);
  // What is changed, and layers before it, that agree.
  struct {
    const char* tensor;
    const char* layer;
    std::vector<std::string> before;
  } const cases[] = {{"first.weight", "first", {}},
                     {"second.weight", "second", {"first", "relu"}},
                     {"classes.bias", "classes", {"first", "second", "pool"}}};
  for (const auto& [tensor, layer, before] : cases) {
    INFO(tensor);
    const Comparison compared =
        *compare(model, weights, changed(weights, tensor, 9), images, options());
    const ComparedValue* first = compared.first_difference();
    REQUIRE(first);
    CHECK(contains(first->layers, layer));
    CHECK(first->error > 1e-2 * first->magnitude);
    CHECK(std::abs(first->found - first->expected) == first->error);
    CHECK(first->where.size() == first->shape.size());
    for (const std::string& name : before) CHECK(!contains(first->layers, name));
  }
  // A difference that is tolerated is none.
  CompareOptions generous = options();
  generous.tolerance = 0.9;
  const TensorFile near = changed(weights, "classes.bias", 0.1F);
  CHECK(compare(model, weights, near, images, generous)->first_difference() == nullptr);
  CHECK(compare(model, weights, near, images, options())->first_difference() != nullptr);
}

TEST_CASE("numbers that are none differ from those that are") {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::nan("");
  CHECK(distance_of({1, 2, 3}, {1, 2.5, 3}).error == 0.5);
  CHECK(distance_of({1, 2, 3}, {1, 2.5, 3}).index == 1);
  CHECK(distance_of({1, 2, -3}, {1, 2.5, -4}).magnitude == 4);
  CHECK(distance_of({nan, inf}, {nan, inf}).error == 0);
  CHECK(distance_of({0, nan}, {0, 1}).error == inf);
  CHECK(distance_of({0, nan}, {0, 1}).index == 1);
  CHECK(distance_of({1}, {nan}).error == inf);
  CHECK(distance_of({inf}, {-inf}).error == inf);
  CHECK(distance_of({}, {}).error == 0);
}

TEST_CASE("what does not fit is refused") {
  const Model model = model_of(kNetwork);
  const TensorFile weights = *initial_weights(model, 1);
  const std::vector<float> images = random_floats(element_count(model.input_shape()), 2);
  CHECK(!compare(model, weights, weights, {}, options()).ok());
  CHECK(!compare(model, weights, weights, random_floats(5, 1), options()).ok());
  CHECK(!compare(model, weights, {}, images, options()).ok());
  CHECK(!compare(model, {}, weights, images, options()).ok());
  CompareOptions other = options();
  other.target = "arm-64";
  CHECK(!compare(model, weights, weights, images, other).ok());
  other.target = "nowhere";
  CHECK(!compare(model, weights, weights, images, other).ok());
}

}  // namespace
}  // namespace cnnc::test
