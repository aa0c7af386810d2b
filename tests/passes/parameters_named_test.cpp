#include "compiler/passes/passes.h"
#include "tests/passes/evaluate.h"

namespace cnnc {
using test::Sketch;

TEST_CASE("parameters are named by words and patterns") {
  Sketch s;
  const ValueId x = s.input("x", {2, 3, 4, 4});
  (void)s.linear("head", 3, s.flatten("flat", s.conv("conv1", 3, s.conv("conv10", 3, x))));
  // A layer with parameters of one dimension only, as normalisations have.
  ParameterSpec scale;
  scale.name = "weight";
  scale.shape = {3};
  ParameterSpec shift = scale;
  shift.name = "bias";
  const ValueId bn = s.graph.add_parameter("bn.weight", scale);
  const ValueId bn_bias = s.graph.add_parameter("bn.bias", shift);
  s.node("SquareSum", "bn", {}, {bn});
  s.node("SquareSum", "bn2", {}, {bn_bias});

  const std::vector<ValueId> parameters = s.parameters();
  const auto named = [&](const std::vector<std::string>& patterns) {
    std::string text;
    const std::vector<bool> found = parameters_named(s.graph, parameters, patterns);
    REQUIRE(found.size() == parameters.size());
    for (size_t i = 0; i < found.size(); ++i) {
      if (found[i]) text += s.graph.values[parameters[i]].name + " ";
    }
    return text;
  };
  CHECK(named({}).empty());
  CHECK(named({"bias"}) == "conv10.bias conv1.bias head.bias bn.bias ");
  CHECK(named({"norm"}) == "bn.weight bn.bias ");
  CHECK(named({"bias", "norm"}) == "conv10.bias conv1.bias head.bias bn.weight bn.bias ");
  CHECK(named({"conv1.weight"}) == "conv1.weight ");
  CHECK(named({"conv1*weight"}) == "conv10.weight conv1.weight ");
  CHECK(named({"conv*0.*", "h*"}) == "conv10.weight conv10.bias head.weight head.bias ");
  CHECK(
      named({"*"}) ==
      "conv10.weight conv10.bias conv1.weight conv1.bias head.weight head.bias bn.weight bn.bias ");
  CHECK(named({"conv", "weight", "conv1.weight.", ""}).empty());
  CHECK(named({"*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*x"}).empty());
}

}  // namespace cnnc
