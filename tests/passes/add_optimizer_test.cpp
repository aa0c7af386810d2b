#include "compiler/passes/passes.h"
#include "tests/passes/evaluate.h"

namespace cnnc {
using test::formulas;
using test::Sketch;

namespace {

struct Update {
  Graph graph;
  std::vector<ValueId> parameters;
};

Update updated(double momentum) {
  Sketch s;
  const ValueId x = s.input("x", {2, 5});
  const ValueId lr = s.input("lr", {1});
  const ValueId step = s.input("step", {1}, DType::i32);
  const ValueId loss = s.loss(s.linear("fc", 3, x));
  s.graph.outputs = {loss};
  Gradients gradients = *differentiate(s.graph, loss, s.parameters());
  gradients.of[1] = kNoValue;  // a frozen bias
  Attrs attrs;
  attrs.set("momentum", momentum);
  return {add_optimizer(std::move(gradients.graph), *find_op("SGD"), attrs, s.parameters(),
                        gradients.of, lr, step),
          s.parameters()};
}

}  // namespace

TEST_CASE("add_optimizer updates parameters and their states in place") {
  const Update update = updated(0.9);
  const Graph& graph = update.graph;
  CHECK_THAT(verify(graph), Catch::Equals(""));
  const Node& node = graph.nodes.back();
  CHECK(node.name == "fc.weight.update");
  CHECK(node.has(kInPlace));
  CHECK_THAT(formulas(graph),
             Catch::EndsWith("fc.weight.update, fc.weight.update.momentum_buffer = SGD(fc.weight, "
                             "fc.weight.momentum_buffer, fc.grad_weight, lr, step)\n"));
  CHECK(graph.values[node.inputs[1]].kind == ValueKind::state);
  CHECK(graph.outputs.size() == 3);
  CHECK(graph.outputs[2] == node.outputs[1]);
  CHECK(formulas(eliminate_dead(graph)).find("fc.weight.update") != std::string::npos);
}

TEST_CASE("without momentum there are no states") {
  const Update update = updated(0);
  CHECK_THAT(verify(update.graph), Catch::Equals(""));
  CHECK_THAT(
      formulas(update.graph),
      Catch::EndsWith("fc.weight.update = SGD(fc.weight, none, fc.grad_weight, lr, step)\n"));
  for (const Value& value : update.graph.values) CHECK(value.kind != ValueKind::state);
  CHECK(update.graph.outputs.size() == 2);
}

TEST_CASE("an optimizer keeps the states that its attributes ask for") {
  Sketch s;
  const ValueId loss = s.loss(s.linear("fc", 3, s.input("x", {2, 5})));
  const ValueId lr = s.input("lr", {1});
  const ValueId step = s.input("step", {1}, DType::i32);
  const Gradients gradients = *differentiate(s.graph, loss, s.parameters());
  const auto last_line = [&](const std::string& optimizer, const Attrs& attrs) {
    Graph graph = add_optimizer(gradients.graph, *find_op(optimizer), attrs, s.parameters(),
                                gradients.of, lr, step);
    CHECK_THAT(verify(graph), Catch::Equals(""));
    std::string text = formulas(graph);
    text.pop_back();
    return text.substr(text.rfind(" = ") + 3);
  };
  CHECK(last_line("Adam", {}) ==
        "Adam(fc.bias, fc.bias.exp_avg, fc.bias.exp_avg_sq, none, fc.grad_bias, lr, step)");
  CHECK(last_line("Adagrad", {}) == "Adagrad(fc.bias, fc.bias.sum, fc.grad_bias, lr, step)");
  Attrs attrs;
  attrs.set("centered", true);
  CHECK(last_line("RMSprop", attrs) ==
        "RMSprop(fc.bias, fc.bias.square_avg, fc.bias.grad_avg, none, fc.grad_bias, lr, step)");
  attrs.set("momentum", 0.5);
  CHECK(last_line("RMSprop", attrs) ==
        "RMSprop(fc.bias, fc.bias.square_avg, fc.bias.momentum_buffer, fc.bias.grad_avg, "
        "fc.grad_bias, lr, step)");
}

TEST_CASE("parameters can be left out of the weight decay") {
  Sketch s;
  const ValueId loss = s.loss(s.linear("fc", 3, s.input("x", {2, 5})));
  const ValueId lr = s.input("lr", {1});
  const ValueId step = s.input("step", {1}, DType::i32);
  const Gradients gradients = *differentiate(s.graph, loss, s.parameters());
  const Graph graph = add_optimizer(gradients.graph, *find_op("AdamW"), {}, s.parameters(),
                                    gradients.of, lr, step, {false, true});
  const size_t count = graph.nodes.size();
  CHECK(graph.nodes[count - 2].attrs.real("weight_decay") == 0.01);
  CHECK(graph.nodes[count - 1].attrs.real("weight_decay") == 0);
}

}  // namespace cnnc
