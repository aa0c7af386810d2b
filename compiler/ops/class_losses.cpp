// Tested by tests/ops/{cross_entropy,nll}_loss_test.cpp.
#include "compiler/ops/class_losses.h"

#include <algorithm>

namespace cnnc {

using Halide::Expr;
using Halide::Func;
using Halide::RDom;

std::vector<AttrSpec> class_loss_attrs() {
  AttrSpec weight = attribute("weight", AttrKind::reals, {}, {},
                              "a number for each class that its targets count with");
  return {
      weight,
      attribute("ignore_index", AttrKind::integer, int64_t{-100}, {},
                "the class of targets that count for nothing"),
      reduction_attr("mean over the targets, by their weights, or sum"),
  };
}

Diagnostics check_class_loss(const InferArgs& args) {
  Diagnostics problems = check_loss_input(args);
  if (!problems.empty()) return problems;
  Type target{DType::i32, {args.inputs[0].shape[0]}};
  if (args.inputs[0].rank() > 2) {
    target.shape = args.inputs[0].shape;
    target.shape[1] = 1;
  }
  problems = expect_type(args, 1, "target", target);
  if (problems.empty() && is_given(args, 2)) {
    problems = expect_type(args, 2, "count", {DType::i32, {1}});
  }
  if (problems.empty()) problems = check_channel_numbers(args, "weight", ChannelNumbers::each);
  return problems;
}

ClassTarget class_target(const Lowering& lowering, const Place& place) {
  const int64_t classes = lowering.input_types[0].shape[1];
  const auto ignored = static_cast<int32_t>(lowering.attrs().integer("ignore_index"));
  Place where_target = place;
  const size_t c = channel_argument(place.size());
  if (place.size() > 2) {
    where_target[c] = 0;
  } else {
    where_target.erase(where_target.begin() + static_cast<int64_t>(c));
  }
  const Expr given = at(lowering.inputs[1], where_target);
  ClassTarget result;
  result.index = Halide::clamp(given, 0, constant(classes - 1));
  result.counts = given != ignored;
  const Expr image = is_counted(lowering, place.back());
  if (image.defined()) result.counts = result.counts && image;
  result.weight = where(result.counts, channel_number(lowering.attrs(), "weight", result.index));
  return result;
}

Expr class_loss_divisor(Lowering& lowering) {
  if (lowering.attrs().text("reduction") == "sum") return 1.f;
  const Shape& shape = lowering.input_types[0].shape;
  // In double: images have more pixels than a float can count.
  Func divisor("divisor");
  divisor() = Halide::cast<double>(0);
  Halide::Region bounds = {{0, constant(shape[0])}};
  for (size_t d = shape.size(); d-- > 2;) bounds.emplace_back(0, constant(shape[d]));
  const RDom q(bounds, "targets");
  Place place;
  for (int i = 1; i < q.dimensions(); ++i) place.emplace_back(q[i]);
  place.emplace_back(0);
  place.emplace_back(q[0]);
  divisor() += Halide::cast<double>(class_target(lowering, place).weight);
  lowering.stages["divisor"] = divisor;
  return Halide::cast<float>(divisor());
}

void for_each_target(const ReferenceArgs& args,
                     const std::function<void(int64_t first, int64_t stride, int64_t target,
                                              double weight)>& visit) {
  const Fibres f = fibres(args.inputs[0]->shape, 1);
  const int64_t ignored = args.attrs.integer("ignore_index");
  const int64_t images = counted_images(args);
  for (int64_t n = 0; n < images; ++n) {
    for (int64_t pixel = 0; pixel < f.after; ++pixel) {
      const auto given = static_cast<int64_t>(args.inputs[1]->data[n * f.after + pixel]);
      if (given == ignored) continue;
      const int64_t target = std::clamp(given, int64_t{0}, f.extent - 1);
      visit(n * f.extent * f.after + pixel, f.after, target,
            channel_number(args.attrs, "weight", target));
    }
  }
}

double class_loss_scale(const ReferenceArgs& args) {
  if (args.attrs.text("reduction") == "sum") return 1;
  double sum = 0;
  for_each_target(args, [&](int64_t, int64_t, int64_t, double weight) { sum += weight; });
  return 1 / sum;
}

}  // namespace cnnc
