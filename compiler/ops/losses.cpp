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

Diagnostics check_loss_input(const InferArgs& args) {
  const Diagnostics problems = expect_input(args, 0, "input", DType::f32);
  if (!problems.empty() || args.inputs[0].rank() > 1) return problems;
  return {
      error("the input must be [N, C] or [N, C, ...], but is " + to_string(args.inputs[0].shape))};
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
  const size_t rank = shape.size();
  const bool has_pixels = rank > 2;
  const Var c("c");
  const RDom q(0, constant(shape[0]), "q");
  Func total("total");
  total(c) = 0.f;
  lowering.stages["total"] = total;
  if (!has_pixels && channels == 1) {
    total(c) = Halide::strict_float(total(c) + term({0, q}));
    return total(0);
  }
  // A row, or the channels where there are no pixels; rows lie in all dimensions but x and c.
  std::vector<Var> arguments = variables(static_cast<int64_t>(rank));
  Place place = as_exprs(arguments), row;
  Halide::Region bounds, of_rows;
  if (has_pixels) bounds.emplace_back(0, constant(shape[rank - 1]));
  bounds.emplace_back(0, constant(channels));
  const RDom r(bounds, "r");
  if (has_pixels) place[0] = r[0];
  place[channel_argument(rank)] = r[has_pixels ? 1 : 0];
  arguments.erase(arguments.begin() + static_cast<int64_t>(channel_argument(rank)));
  if (has_pixels) arguments.erase(arguments.begin());
  for (size_t d = rank - 1; has_pixels && d-- > 2;) of_rows.emplace_back(0, constant(shape[d]));
  of_rows.emplace_back(0, constant(shape[0]));
  const RDom rows(of_rows, "rows");
  for (int i = 0; i < rows.dimensions(); ++i) row.emplace_back(rows[i]);
  Func partial("partial");
  partial(arguments) = 0.f;
  partial(arguments) = Halide::strict_float(partial(arguments) + term(place));
  total(c) = Halide::strict_float(total(c) + at(partial, row));
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
