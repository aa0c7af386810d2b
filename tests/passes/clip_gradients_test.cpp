// clip_gradients: what PyTorch's clip_grad_value_ and clip_grad_norm_ make of the gradients.
#include "compiler/passes/passes.h"
#include "tests/passes/evaluate.h"

namespace cnnc {
using test::formulas;
using test::Sketch;

namespace {

struct Clipped {
  Graph graph;
  std::vector<ValueId> before;
  std::vector<ValueId> after;
};

Clipped clipped(double most_value, double most_norm) {
  Sketch s;
  const ValueId loss = s.loss(s.linear("fc", 3, s.input("x", {2, 5})));
  Gradients gradients = *differentiate(s.graph, loss, s.parameters());
  Clipped result;
  result.before = gradients.of;
  result.after = gradients.of;
  result.graph = clip_gradients(std::move(gradients.graph), result.after, most_value, most_norm);
  result.graph.outputs = result.after;
  return result;
}

std::vector<double> all(const std::vector<ReferenceTensor>& values,
                        const std::vector<ValueId>& ids) {
  std::vector<double> result;
  for (const ValueId id : ids) {
    result.insert(result.end(), values[id].data.begin(), values[id].data.end());
  }
  return result;
}

double norm(const std::vector<double>& list) {
  double sum = 0;
  for (const double x : list) sum += x * x;
  return std::sqrt(sum);
}

}  // namespace

TEST_CASE("without limits nothing is clipped") {
  const Clipped c = clipped(0, 0);
  CHECK(c.before == c.after);
}

TEST_CASE("a norm needs all gradients before any is scaled") {
  const Clipped c = clipped(0, 0.5);
  CHECK_THAT(verify(c.graph), Catch::Equals(""));
  CHECK_THAT(formulas(c.graph),
             Catch::EndsWith("fc.grad_weight.square_sum = SquareSum(fc.grad_weight)\n"
                             "fc.grad_bias.square_sum = SquareSum(fc.grad_bias)\n"
                             "clip_factor = ClipFactor(fc.grad_weight.square_sum, "
                             "fc.grad_bias.square_sum)\n"
                             "fc.grad_weight.clipped = ScaleGrad(fc.grad_weight, clip_factor)\n"
                             "fc.grad_bias.clipped = ScaleGrad(fc.grad_bias, clip_factor)\n"));
}

TEST_CASE("clipped gradients are PyTorch's") {
  std::mt19937 random(1);
  INFO("seed 1");
  for (const auto& [most_value, most_norm] :
       {std::pair<double, double>{0.05, 0}, {0, 0.25}, {0, 1000}, {0.05, 0.1}}) {
    INFO("value " << most_value << ", norm " << most_norm);
    const Clipped c = clipped(most_value, most_norm);
    const std::vector<ReferenceTensor> values =
        interpret(c.graph, test::random_values(c.graph, random));
    std::vector<double> wanted = all(values, c.before);
    bool is_cut = false;
    for (double& x : wanted) {
      if (most_value == 0) continue;
      is_cut |= std::abs(x) > most_value;
      x = std::max(-most_value, std::min(most_value, x));
    }
    if (most_norm > 0) {
      const double factor = std::min(1.0, most_norm / (norm(wanted) + 1e-6));
      is_cut |= factor < 1;
      for (double& x : wanted) x *= factor;
    }
    CHECK(is_cut == (most_norm < 1000));
    const std::vector<double> found = all(values, c.after);
    REQUIRE(found.size() == wanted.size());
    for (size_t i = 0; i < found.size(); ++i) CHECK(found[i] == Approx(wanted[i]).margin(1e-14));
  }
}

TEST_CASE("parameters without a gradient have no part in the norm") {
  Sketch s;
  const ValueId loss = s.loss(s.linear("fc", 3, s.input("x", {2, 5})));
  Gradients gradients = *differentiate(s.graph, loss, s.parameters());
  gradients.of[0] = kNoValue;
  const Graph graph = clip_gradients(std::move(gradients.graph), gradients.of, 0, 1);
  CHECK(gradients.of[0] == kNoValue);
  CHECK(formulas(graph).find("clip_factor = ClipFactor(fc.grad_bias.square_sum)") !=
        std::string::npos);
  std::vector<ValueId> none = {kNoValue};
  CHECK(clip_gradients(s.graph, none, 1, 1).nodes.size() == s.graph.nodes.size());
}

}  // namespace cnnc
