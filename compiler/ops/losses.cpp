// Tested by tests/ops/*_loss_test.cpp.
#include "compiler/ops/losses.h"

#include <algorithm>

namespace cnnc {

using Halide::Expr;
using Halide::Func;
using Halide::RDom;
using Halide::Var;

AttrSpec reduction_attr(std::string doc) {
  return choice("reduction", "mean", {"mean", "sum"}, std::move(doc));
}

Diagnostics check_channel_numbers(const InferArgs& args, const std::string& name,
                                  ChannelNumbers allowed) {
  if (!args.attrs.has(name)) return {};
  const auto given = static_cast<int64_t>(args.attrs.reals(name).size());
  const int64_t channels = args.inputs[0].shape[1];
  if (given == channels || (given == 1 && allowed == ChannelNumbers::one_or_each)) return {};
  return {error(name + " has " + std::to_string(given) + (given == 1 ? " number" : " numbers") +
                ", but the network's output has " + std::to_string(channels) + " channels")};
}

Expr channel_number(const Attrs& attrs, const std::string& name, const Expr& channel) {
  if (!attrs.has(name)) return 1.f;
  const std::vector<double>& numbers = attrs.reals(name);
  // The most frequent number needs no comparison.
  double usual = numbers[0];
  for (const double each : numbers) {
    if (std::count(numbers.begin(), numbers.end(), each) >
        std::count(numbers.begin(), numbers.end(), usual)) {
      usual = each;
    }
  }
  Expr result = static_cast<float>(usual);
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (numbers[i] == usual) continue;
    result = Halide::select(channel == constant(static_cast<int64_t>(i)),
                            static_cast<float>(numbers[i]), result);
  }
  return result;
}

double channel_number(const Attrs& attrs, const std::string& name, int64_t channel) {
  if (!attrs.has(name)) return 1;
  const std::vector<double>& numbers = attrs.reals(name);
  return numbers.size() == 1 ? numbers[0] : numbers[channel];
}

Expr is_counted(const Lowering& lowering, const Expr& n) {
  const Func count = input_or_none(lowering, 2);
  return count.defined() ? n < count(0) : Expr();
}

Expr where(const Expr& condition, const Expr& value) {
  return condition.defined() ? Halide::select(condition, value, Halide::cast(value.type(), 0))
                             : value;
}

Expr sum_of_terms(Lowering& lowering, int64_t channels,
                  const std::function<Expr(const Place&)>& term) {
  const Shape& shape = lowering.input_types[0].shape;
  const bool is_image = shape.size() == 4;
  const Var y("y"), n("n"), c("c");
  const RDom q(0, constant(shape[0]), "q");
  Func total("total");
  total(c) = 0.f;
  lowering.stages["total"] = total;
  if (!is_image && channels == 1) {
    total(c) = Halide::strict_float(total(c) + term({0, q}));
    return total(0);
  }
  Func partial("partial");
  if (is_image) {
    const RDom r(0, constant(shape[3]), 0, constant(channels), "r");
    partial(y, n) = 0.f;
    partial(y, n) = Halide::strict_float(partial(y, n) + term({r.x, y, r.y, n}));
    const RDom rows(0, constant(shape[2]), 0, constant(shape[0]), "rows");
    total(c) = Halide::strict_float(total(c) + partial(rows.x, rows.y));
  } else {
    const RDom r(0, constant(channels), "r");
    partial(n) = 0.f;
    partial(n) = Halide::strict_float(partial(n) + term({r, n}));
    total(c) = Halide::strict_float(total(c) + partial(q));
  }
  lowering.stages["partial"] = partial;
  return total(0);
}

int64_t counted_images(const ReferenceArgs& args) {
  const int64_t images = args.inputs[0]->shape[0];
  if (args.inputs.size() < 3 || !args.inputs[2]) return images;
  return std::min(images, static_cast<int64_t>(args.inputs[2]->data[0]));
}

std::vector<ValueId> loss_gradient(GradientArgs& args, const std::string& op) {
  std::vector<ValueId> result = no_gradients(args.node);
  if (!is_wanted(args, 0)) return result;
  const Node node = args.node;  // nodes move as others are added
  result[0] = args.graph.add(op, node.name + ".grad_input", node.attrs, node.inputs)[0];
  return result;
}

}  // namespace cnnc
