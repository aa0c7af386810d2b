// BatchNorm1d, BatchNorm2d, BatchNorm3d, alone and with what training adds to them.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "compiler/passes/passes.h"
#include "tests/ops/harness.h"

namespace cnnc {
namespace {

CompileOptions lanes(int count) {
  CompileOptions options;
  options.lanes = count;
  return options;
}

Operand integer(double value) { return {tensor({1}, {value}), DType::i32}; }

// Positive numbers.
ReferenceTensor variances(int64_t channels, std::mt19937& random) {
  ReferenceTensor result = random_tensor({channels}, random);
  for (double& value : result.data) value = std::abs(value) + 0.1;
  return result;
}

// A layer, its statistics and all that a step adds to it.
struct TrainedLayer {
  Graph graph;
  ValueId x = kNoValue, count = kNoValue, step = kNoValue;
  ValueId y = kNoValue;
  std::vector<ValueId> parameters;  // weight and bias, where there are any
};

TrainedLayer trained(const std::string& op, const Shape& shape, const Attrs& attrs = {}) {
  TrainedLayer result;
  Graph& graph = result.graph;
  result.x = graph.add_input("x", f32(shape));
  result.count = graph.add_input("count", i32({1}));
  result.step = graph.add_input("step", i32({1}));
  const auto outputs = graph.try_add(*find_op(op), "bn", attrs, {result.x});
  REQUIRE(outputs.ok());
  result.y = outputs->at(0);
  graph.outputs = *outputs;
  for (size_t id = 0; id < graph.values.size(); ++id) {
    const Value& value = graph.values[id];
    if (value.kind != ValueKind::parameter || value.init.is_buffer) continue;
    result.parameters.push_back(static_cast<ValueId>(id));
  }
  graph = use_batch_statistics(std::move(graph), result.count, result.step);
  REQUIRE(verify(graph).empty());
  return result;
}

ValueId value_called(const Graph& graph, const std::string& name) {
  for (size_t id = 0; id < graph.values.size(); ++id) {
    if (graph.values[id].name == name) return static_cast<ValueId>(id);
  }
  FAIL("no value " << name);
  return kNoValue;
}

GivenValues initial(const TrainedLayer& layer, ReferenceTensor x, double count, double step = 0) {
  GivenValues given;
  for (size_t id = 0; id < layer.graph.values.size(); ++id) {
    const Value& value = layer.graph.values[id];
    if (value.kind != ValueKind::parameter) continue;
    ReferenceTensor filled = zeros(value.type.shape);
    std::fill(filled.data.begin(), filled.data.end(), value.init.fill);
    given[static_cast<ValueId>(id)] = std::move(filled);
  }
  given[layer.x] = std::move(x);
  given[layer.count] = tensor({1}, {count});
  given[layer.step] = tensor({1}, {step});
  return given;
}

}  // namespace

TEST_CASE("BatchNorm infers its output and says what is wrong", "[batch_norm]") {
  CHECK(outcome_of("BatchNorm2d", {}, {f32({2, 3, 4, 5})}) == "f32[2, 3, 4, 5]");
  CHECK(outcome_of("BatchNorm1d", {}, {f32({2, 3})}) == "f32[2, 3]");
  CHECK(outcome_of("BatchNorm1d", {}, {f32({2, 3, 7})}) == "f32[2, 3, 7]");
  CHECK(outcome_of("BatchNorm3d", {}, {f32({2, 3, 4, 5, 6})}) == "f32[2, 3, 4, 5, 6]");
  CHECK(inferred("BatchNorm2d", {}, {f32({2, 3, 4, 5})}).integer("num_features") == 3);
  CHECK(outcome_of("BatchNorm2d", attrs_of({{"num_features", number(4)}}), {f32({2, 3, 4, 5})}) ==
        "num_features is 4, but the input [2, 3, 4, 5] has 3 channels");
  CHECK(outcome_of("BatchNorm2d", {}, {f32({2, 3})}) ==
        "the input must be [N, C, H, W], but is [2, 3]");
  CHECK(outcome_of("BatchNorm1d", {}, {f32({2, 3, 4, 5})}) ==
        "the input must be [N, C] or [N, C, L], but is [2, 3, 4, 5]");
}

TEST_CASE("BatchNorm's parameters are PyTorch's", "[batch_norm]") {
  const auto names = [](const Attrs& attrs) {
    Attrs all = attrs;
    const OpDef& op = *find_op("BatchNorm2d");
    set_defaults(all, op.attrs);
    std::string text;
    for (const ParameterSpec& spec : op.parameters(all, {f32({2, 3, 4, 5})})) {
      CHECK(spec.shape == Shape{3});
      CHECK(spec.fan_in == 0);
      text += spec.name + " " + std::to_string(static_cast<int>(spec.fill)) +
              (spec.is_buffer ? "; " : ", ");
    }
    return text;
  };
  CHECK(names({}) == "weight 1, bias 0, running_mean 0; running_var 1; ");
  CHECK(names(attrs_of({{"affine", false}})) == "running_mean 0; running_var 1; ");
  CHECK(names(attrs_of({{"track_running_stats", false}})) == "weight 1, bias 0, ");
}

TEST_CASE("BatchNorm computes what its reference computes", "[batch_norm]") {
  for (const Shape& shape : {Shape{1, 1, 1, 1}, Shape{5, 3, 2, 7}, Shape{16, 2, 3, 3}, Shape{4, 3},
                             Shape{16, 10}, Shape{4, 2, 5}, Shape{4, 2, 2, 3, 2}}) {
    INFO(to_string(shape) << ", seed 1");
    std::mt19937 random(1);
    const char* layer = shape.size() == 4   ? "BatchNorm2d"
                        : shape.size() == 5 ? "BatchNorm3d"
                                            : "BatchNorm1d";
    const ReferenceTensor x = random_tensor(shape, random);
    const auto of_channel = [&] { return random_tensor({shape[1]}, random); };
    const ReferenceTensor weight = of_channel(), bias = of_channel(), mean = of_channel(),
                          variance = variances(shape[1], random);
    check_lowering(layer, {}, {x, weight, bias, mean, variance});
    check_lowering(layer, attrs_of({{"affine", false}}), {x, absent(), absent(), mean, variance});
    check_lowering(layer, {}, {x, weight, bias, absent(), absent(), mean, variance, integer(1)});
  }
}

TEST_CASE("BatchNorm in training is what PyTorch computes", "[batch_norm]") {
  // torch.nn.BatchNorm1d(2) in training mode, on [[1, 10], [2, 20], [6, 60]].
  const TrainedLayer layer = trained("BatchNorm1d", {3, 2});
  const auto values =
      interpret(layer.graph, initial(layer, tensor({3, 2}, {1, 10, 2, 20, 6, 60}), 3));
  // Means 3 and 30, variances 14/3 and 1400/3, of the sample 7 and 700.
  const double a = 1 / std::sqrt(14.0 / 3 + 1e-5), b = 1 / std::sqrt(1400.0 / 3 + 1e-5);
  check_equal(values[layer.y], tensor({3, 2}, {-2 * a, -20 * b, -a, -10 * b, 3 * a, 30 * b}),
              1e-12);
  const auto running = [&](const char* name) -> const ReferenceTensor& {
    return values[value_called(layer.graph, name)];
  };
  check_equal(running("bn.running"), tensor({2}, {0.3, 3}), 1e-12);
  check_equal(running("bn.running.running_var"), tensor({2}, {0.9 + 0.7, 0.9 + 70}), 1e-12);
}

TEST_CASE("Without a momentum all batches count the same", "[batch_norm]") {
  const TrainedLayer layer = trained("BatchNorm1d", {2, 1}, attrs_of({{"momentum", -1.0}}));
  GivenValues given = initial(layer, tensor({2, 1}, {1, 3}), 2, 0);
  auto values = interpret(layer.graph, given);
  const ValueId mean = value_called(layer.graph, "bn.running_mean"),
                updated = value_called(layer.graph, "bn.running");
  CHECK(values[updated].data[0] == Approx(2));
  given[mean] = values[updated];
  given[layer.x] = tensor({2, 1}, {7, 9});
  given[layer.step] = tensor({1}, {1});
  values = interpret(layer.graph, given);
  CHECK(values[updated].data[0] == Approx(5));
}

TEST_CASE("Images that do not count change nothing", "[batch_norm]") {
  std::mt19937 random(5);
  const ReferenceTensor few = random_tensor({3, 2, 2, 2}, random);
  ReferenceTensor padded = random_tensor({8, 2, 2, 2}, random);
  std::copy(few.data.begin(), few.data.end(), padded.data.begin());
  const TrainedLayer small = trained("BatchNorm2d", {3, 2, 2, 2});
  const TrainedLayer large = trained("BatchNorm2d", {8, 2, 2, 2});
  const auto a = interpret(small.graph, initial(small, few, 3));
  const auto b = interpret(large.graph, initial(large, padded, 3));
  for (const char* name : {"bn.statistics", "bn.running", "bn.running.running_var"}) {
    check_equal(b[value_called(large.graph, name)], a[value_called(small.graph, name)], 0);
  }
  for (int count : {1, 4, 8}) {
    const auto sums = run_compiled("BatchStatistics", {}, {padded, integer(3)}, lanes(count));
    check_equal(sums[0], a[value_called(small.graph, "bn.statistics")], 1e-6);
  }
}

TEST_CASE("BatchNorm's gradient in training agrees with finite differences",
          "[batch_norm][gradient]") {
  constexpr double kStep = 1e-5;
  for (const auto& [op, shape, count] :
       {std::tuple{"BatchNorm2d", Shape{3, 2, 2, 3}, 3}, std::tuple{"BatchNorm1d", Shape{4, 3}, 3},
        std::tuple{"BatchNorm1d", Shape{3, 2, 4}, 2}}) {
    INFO(op << " of " << to_string(shape) << ", seed 7");
    std::mt19937 random(7);
    TrainedLayer layer = trained(op, shape);
    const Graph forward = layer.graph;
    std::vector<ValueId> wrt = layer.parameters;
    wrt.push_back(layer.x);
    const ValueId up = layer.graph.add_input("up", f32(shape));
    const auto gradients = differentiate(std::move(layer.graph), {layer.y}, {up}, wrt);
    REQUIRE(gradients.ok());
    layer.graph = forward;
    GivenValues given = initial(layer, random_tensor(shape, random), count);
    for (const ValueId id : layer.parameters) {
      given[id] = random_tensor(forward.type(id).shape, random);
    }
    ReferenceTensor weights = random_tensor(shape, random);  // nothing comes from the others
    const auto rows = static_cast<int64_t>(weights.data.size()) / shape[0];
    std::fill(weights.data.begin() + count * rows, weights.data.end(), 0.0);
    GivenValues with_up = given;
    with_up[up] = weights;
    const auto values = interpret(gradients->graph, with_up);
    for (size_t k = 0; k < wrt.size(); ++k) {
      REQUIRE(gradients->of[k] != kNoValue);
      const ReferenceTensor& gradient = values[gradients->of[k]];
      for (size_t i = 0; i < gradient.data.size(); ++i) {
        double sums[2] = {0, 0};
        for (int side : {0, 1}) {
          GivenValues moved = given;
          moved[wrt[k]].data[i] += side == 0 ? -kStep : kStep;
          const ReferenceTensor y = interpret(forward, moved)[layer.y];
          for (size_t j = 0; j < y.data.size(); ++j) sums[side] += y.data[j] * weights.data[j];
        }
        const double slope = (sums[1] - sums[0]) / (2 * kStep);
        INFO("of value " << k << ", element " << i);
        CHECK(gradient.data[i] == Approx(slope).margin(1e-6));
      }
    }
  }
}

TEST_CASE("What BatchNorm does to a channel in inference", "[batch_norm]") {
  const OpDef& op = *find_op("BatchNorm2d");
  Attrs attrs;
  set_defaults(attrs, op.attrs);
  const float weight[] = {2, 3}, bias[] = {1, -1}, mean[] = {4, 5}, variance[] = {0.25F, 9};
  const ChannelAffine all =
      op.channel_affine(attrs, {f32({1, 2, 3, 3})}, {nullptr, weight, bias, mean, variance});
  CHECK(all.scale[0] == Approx(2 / std::sqrt(0.25 + 1e-5)));
  CHECK(all.shift[1] == Approx(-1 - 5 * 3 / std::sqrt(9 + 1e-5)));
  const ChannelAffine bare =
      op.channel_affine(attrs, {f32({1, 2, 3, 3})}, {nullptr, nullptr, nullptr, mean, variance});
  CHECK(bare.scale[1] == Approx(1 / std::sqrt(9 + 1e-5)));
  CHECK(bare.shift[0] == Approx(-4 / std::sqrt(0.25 + 1e-5)));
}

}  // namespace cnnc
