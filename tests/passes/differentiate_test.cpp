#include "compiler/passes/passes.h"
#include "tests/passes/evaluate.h"

namespace cnnc {
using test::formulas;
using test::Sketch;

namespace {

// Compares the gradient of `loss` with finite differences at some elements of each of `wrt`.
void check_gradient(const Graph& graph, ValueId loss, const std::vector<ValueId>& wrt,
                    uint32_t seed) {
  Result<Gradients> result = differentiate(graph, loss, wrt);
  REQUIRE(result.ok());
  INFO("seed " << seed << "\n" << print(result->graph));
  REQUIRE_THAT(verify(result->graph), Catch::Equals(""));
  std::mt19937 random(seed);
  GivenValues given = test::random_values(graph, random);
  const std::vector<ReferenceTensor> values = interpret(result->graph, given);
  for (size_t i = 0; i < wrt.size(); ++i) {
    INFO("with respect to " << graph.values[wrt[i]].name);
    std::vector<double>& x = given[wrt[i]].data;
    for (int sample = 0; sample < 4; ++sample) {
      const size_t at = random() % x.size();
      const double kept = x[at];
      const double step = 1e-6;
      x[at] = kept + step;
      const double above = interpret(graph, given)[loss].data[0];
      x[at] = kept - step;
      const double below = interpret(graph, given)[loss].data[0];
      x[at] = kept;
      const double found = result->of[i] == kNoValue ? 0 : values[result->of[i]].data[at];
      CHECK(found == Approx((above - below) / (2 * step)).margin(1e-7).epsilon(1e-5));
    }
  }
}

}  // namespace

TEST_CASE("differentiate appends what is asked for and nothing else") {
  Sketch s;
  const ValueId x = s.input("x", {2, 5});
  const ValueId hidden = s.relu("relu", s.linear("fc1", 4, x));
  const ValueId loss = s.loss(s.linear("fc2", 3, hidden));
  const std::string forward = formulas(s.graph);
  const Graph graph = s.graph;

  SECTION("all parameters: no gradient of the input") {
    const Gradients all = *differentiate(graph, loss, s.parameters());
    CHECK_THAT(verify(all.graph), Catch::Equals(""));
    CHECK(formulas(all.graph) ==
          forward +
              "loss.grad_input = CrossEntropyLossGrad(fc2, labels, none)\n"
              "fc2.grad_input = LinearInputGrad(loss.grad_input, fc2.weight)\n"
              "fc2.grad_weight = LinearWeightGrad(loss.grad_input, relu)\n"
              "fc2.grad_bias = ChannelSum(loss.grad_input)\n"
              "relu.grad_input = ReLUGrad(fc2.grad_input, relu)\n"
              "fc1.grad_weight = LinearWeightGrad(relu.grad_input, x)\n"
              "fc1.grad_bias = ChannelSum(relu.grad_input)\n");
    CHECK(all.of.size() == 4);
  }
  SECTION("one parameter of the last layer") {
    const ValueId bias = s.parameters()[3];
    CHECK(graph.values[bias].name == "fc2.bias");
    CHECK(formulas((*differentiate(graph, loss, {bias})).graph) ==
          forward +
              "loss.grad_input = CrossEntropyLossGrad(fc2, labels, none)\n"
              "fc2.grad_bias = ChannelSum(loss.grad_input)\n");
  }
  SECTION("a value in the middle, and one that the loss does not depend on") {
    Graph more = graph;
    const ValueId other = more.add_input("other", Type{DType::f32, {3}});
    const Gradients some = *differentiate(more, loss, {hidden, other});
    CHECK(some.graph.values[some.of[0]].name == "fc2.grad_input");
    CHECK(some.of[1] == kNoValue);
  }
}

TEST_CASE("gradients of values that are used twice are summed") {
  Sketch s;
  const ValueId x = s.input("x", {2, 2, 4, 4});
  const ValueId a = s.conv("a", 2, x);
  const ValueId weight = s.parameters()[0];
  const ValueId b = s.node("Conv2d", "b", s.graph.nodes[0].attrs, {a, weight, kNoValue})[0];
  const ValueId sum = s.add("sum", s.relu("relu", b), a);
  const ValueId twice = s.add("twice", sum, sum);
  const ValueId loss = s.loss(s.linear("fc", 2, s.flatten("flat", twice)));
  std::vector<ValueId> wrt = s.parameters();
  wrt.push_back(x);
  check_gradient(s.graph, loss, wrt, 7);
}

TEST_CASE("gradients agree with finite differences in a network with pools and a residual sum") {
  const uint32_t seed = std::random_device()();
  Sketch s;
  const ValueId x = s.input("x", {2, 1, 8, 8});
  const ValueId pool = s.pool("pool1", s.relu("relu1", s.conv("conv1", 3, x)))[0];
  const ValueId body = s.conv("conv3", 3, s.relu("relu2", s.conv("conv2", 3, pool)));
  const ValueId joined = s.relu("relu3", s.add("sum", body, pool));
  const ValueId flat = s.flatten("flat", s.pool("pool2", joined)[0]);
  const ValueId loss = s.loss(s.linear("fc", 3, flat));
  std::vector<ValueId> wrt = s.parameters();
  wrt.push_back(x);
  check_gradient(s.graph, loss, wrt, seed);
  Graph moved = move_elementwise_above_views(move_monotone_below_maximum(s.graph));
  check_gradient(moved, loss, wrt, seed);
}

TEST_CASE("given gradients of several outputs flow back together") {
  Sketch s;
  const ValueId x = s.input("x", {2, 5});
  const ValueId a = s.linear("a", 3, x);
  const ValueId b = s.relu("b", a);
  const ValueId da = s.input("da", {2, 3});
  const ValueId db = s.input("db", {2, 3});
  const std::string forward = formulas(s.graph);
  const Gradients gradients = *differentiate(s.graph, {a, b}, {da, db}, {x});
  CHECK_THAT(verify(gradients.graph), Catch::Equals(""));
  CHECK(formulas(gradients.graph) == forward +
                                         "b.grad_input = ReLUGrad(db, b)\n"
                                         "a.grad_sum1 = Add(da, b.grad_input)\n"
                                         "a.grad_input = LinearInputGrad(a.grad_sum1, a.weight)\n");
  CHECK(gradients.graph.values[gradients.of[0]].name == "a.grad_input");
}

TEST_CASE("a layer that cannot be trained through is named with its place") {
  Sketch s;
  const auto source = std::make_shared<Source>();
  source->path = "net.json";
  source->text = "{\n  \"type\": \"Odd\"\n}\n";
  OpDef odd;
  odd.name = "Odd";
  odd.inputs = {{"input"}};
  odd.outputs = {"output"};
  odd.infer = [](InferArgs& args) -> Result<std::vector<Type>> {
    return std::vector<Type>{args.inputs[0]};
  };
  const ValueId a = s.linear("a", 3, s.input("x", {2, 5}));
  const ValueId b = (*s.graph.try_add(odd, "odd1", {}, {a}, Span{source, 12, 17}, "/layers/1"))[0];
  const ValueId fc = s.linear("fc", 3, b);
  const std::vector<ValueId> last = {s.parameters()[2]};
  const ValueId loss = s.loss(fc);
  CHECK(differentiate(s.graph, loss, last).ok());
  const Result<Gradients> failed = differentiate(s.graph, loss, s.parameters());
  REQUIRE_FALSE(failed.ok());
  REQUIRE(failed.diagnostics().size() == 1);
  CHECK(failed.diagnostics()[0].pointer == "/layers/1");
  CHECK_THAT(render(failed.diagnostics()),
             Catch::StartsWith("net.json:2:") && Catch::Contains("Odd \"odd1\""));
}

}  // namespace cnnc
