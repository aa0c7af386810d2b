// fold_affine, use_batch_statistics.
#include "compiler/passes/passes.h"
#include "tests/passes/evaluate.h"

namespace cnnc {
using test::formulas;
using test::Sketch;

namespace {

// Random values of all parameters, by name; variances are positive.
std::map<std::string, std::vector<float>> random_parameters(const Graph& graph,
                                                            std::mt19937& random) {
  std::map<std::string, std::vector<float>> result;
  for (const Value& value : graph.values) {
    if (value.kind != ValueKind::parameter) continue;
    std::vector<float>& elements = result[value.name];
    for (int64_t i = 0; i < element_count(value.type.shape); ++i) {
      const float x = std::uniform_real_distribution<float>(-1, 1)(random);
      elements.push_back(value.init.is_buffer ? std::abs(x) + 0.1F : x);
    }
  }
  return result;
}

// What the graph computes for its first output, given parameters and random inputs.
std::vector<double> computed(const Graph& graph, const ConstantTable& constants) {
  GivenValues given;
  std::mt19937 random(3);
  for (size_t id = 0; id < graph.values.size(); ++id) {
    const Value& value = graph.values[id];
    if (value.kind == ValueKind::result) continue;
    ReferenceTensor& data = given[static_cast<ValueId>(id)];
    data = zeros(value.type.shape);
    const float* elements =
        value.kind == ValueKind::parameter ? constants.find(value.name) : nullptr;
    for (size_t i = 0; i < data.data.size(); ++i) {
      data.data[i] = elements ? elements[i] : std::uniform_real_distribution<double>(-1, 1)(random);
    }
  }
  return interpret(graph, given)[graph.outputs[0]].data;
}

// Folds, and checks that the graph still computes the same.
Graph folded(const Graph& before) {
  std::mt19937 random(1);
  const auto parameters = random_parameters(before, random);
  ConstantTable constants([&](const std::string& name) {
    const auto found = parameters.find(name);
    return found == parameters.end() ? nullptr : found->second.data();
  });
  const std::vector<double> wanted = computed(before, constants);
  const Graph after = fold_affine(before, constants);
  REQUIRE_THAT(verify(after), Catch::Equals(""));
  const std::vector<double> found = computed(after, constants);
  REQUIRE(found.size() == wanted.size());
  for (size_t i = 0; i < found.size(); ++i) CHECK(found[i] == Approx(wanted[i]).margin(1e-5));
  // Another batch of the same network has the same constants.
  const float* first = constants.find("bn.scale");
  CHECK(formulas(fold_affine(before, constants)) == formulas(after));
  CHECK(constants.find("bn.scale") == first);
  return after;
}

}  // namespace

TEST_CASE("what is done to each channel goes into the weights before it") {
  Sketch s;
  const ValueId x = s.input("x", {2, 4, 6, 6});
  SECTION("a convolution's") {
    s.graph.outputs = {s.relu("relu", s.layer("BatchNorm2d", "bn", {}, {s.conv("conv", 3, x)}))};
    CHECK(formulas(folded(s.graph)) ==
          "conv = Conv2d(x, conv.weight.folded, conv.bias.folded)\n"
          "relu = ReLU(conv)\n");
  }
  SECTION("a convolution's without a bias, and in groups") {
    Attrs attrs;
    attrs.set("out_channels", int64_t{6});
    attrs.set("kernel_size", std::vector<int64_t>{3, 2});
    attrs.set("groups", int64_t{2});
    attrs.set("bias", false);
    const ValueId conv = s.layer("Conv2d", "conv", attrs, {x});
    s.graph.outputs = {s.layer("BatchNorm2d", "bn", {}, {conv})};
    CHECK(formulas(folded(s.graph)) == "conv = Conv2d(x, conv.weight.folded, conv.bias.folded)\n");
  }
  SECTION("a transposed convolution's, in groups") {
    Attrs attrs;
    attrs.set("out_channels", int64_t{6});
    attrs.set("kernel_size", std::vector<int64_t>{3, 2});
    attrs.set("groups", int64_t{2});
    const ValueId conv = s.layer("ConvTranspose2d", "conv", attrs, {x});
    s.graph.outputs = {s.layer("BatchNorm2d", "bn", {}, {conv})};
    CHECK(formulas(folded(s.graph)) ==
          "conv = ConvTranspose2d(x, conv.weight.folded, conv.bias.folded)\n");
  }
  SECTION("a linear layer's, twice") {
    ValueId v = s.linear("fc", 5, s.flatten("flat", x));
    v = s.layer("BatchNorm1d", "bn1", {}, {v});
    s.graph.outputs = {s.layer("BatchNorm1d", "bn2", {}, {v})};
    CHECK(formulas(folded(s.graph)) ==
          "flat = Flatten(x)\n"
          "fc = Linear(flat, fc.weight.folded.folded, fc.bias.folded.folded)\n");
  }
}

TEST_CASE("what is done to each channel is one multiplication and one addition elsewhere") {
  Sketch s;
  const ValueId x = s.input("x", {2, 4, 6, 6});
  SECTION("behind something else") {
    const ValueId bn = s.layer("BatchNorm2d", "bn", {}, {s.relu("relu", x)});
    s.graph.outputs = {bn};
    CHECK(formulas(folded(s.graph)) ==
          "relu = ReLU(x)\n"
          "bn = ChannelScale(relu, bn.scale, bn.shift)\n");
  }
  SECTION("where others read the convolution") {
    const ValueId conv = s.conv("conv", 3, x);
    const ValueId bn = s.layer("BatchNorm2d", "bn", {}, {conv});
    s.graph.outputs = {s.add("sum", bn, conv)};
    CHECK(formulas(folded(s.graph)) ==
          "conv = Conv2d(x, conv.weight, conv.bias)\n"
          "bn = ChannelScale(conv, bn.scale, bn.shift)\n"
          "sum = Add(bn, conv)\n");
  }
  SECTION("behind a view that makes channels of pixels") {
    const ValueId flat = s.flatten("flat", s.conv("conv", 3, x));
    s.graph.outputs = {s.layer("BatchNorm1d", "bn", {}, {flat})};
    CHECK(formulas(folded(s.graph)) ==
          "conv = Conv2d(x, conv.weight, conv.bias)\n"
          "flat = Flatten(conv)\n"
          "bn = ChannelScale(flat, bn.scale, bn.shift)\n");
  }
}

TEST_CASE("in training, statistics of the batch go before the averages") {
  Sketch s;
  const ValueId x = s.input("x", {2, 4, 6, 6});
  const ValueId count = s.input("count", {1}, DType::i32);
  const ValueId step = s.input("step", {1}, DType::i32);
  Attrs bare;
  bare.set("track_running_stats", false);
  const ValueId first = s.layer("BatchNorm2d", "bn1", {}, {x});
  s.graph.outputs = {s.layer("BatchNorm2d", "bn2", bare, {first})};
  SECTION("all of them") {
    const Graph after = use_batch_statistics(s.graph, count, step);
    CHECK(verify(after).empty());
    CHECK(after.outputs.size() == 3);
    const std::string text = formulas(after);
    CHECK(text.find("bn1 = BatchNorm2d(x, bn1.weight, bn1.bias, none, none, bn1.statistics, "
                    "bn1.statistics.inverse_deviation, count)\n") != std::string::npos);
    CHECK(text.find("bn1.running, bn1.running.running_var = RunningAverages(bn1.running_mean, "
                    "bn1.running_var, bn1.statistics, bn1.statistics.variance, count, step)\n") !=
          std::string::npos);
    CHECK(text.find("bn2.running") == std::string::npos);
  }
  SECTION("in an evaluation, where there are no averages") {
    const Graph after = use_batch_statistics(s.graph, count);
    CHECK(after.outputs.size() == 1);
    const std::string text = formulas(after);
    CHECK(text.find("bn1.statistics") == std::string::npos);
    CHECK(text.find("bn2.statistics") != std::string::npos);
  }
}

}  // namespace cnnc
