// Products of matrices, and what moves elements between volumes and images, in both layouts.
#include <catch2/catch.hpp>

#include "tests/schedules/groups.h"

namespace cnnc::test {
namespace {

Type f32(Shape shape) { return {DType::f32, std::move(shape)}; }

Case product(const Shape& a, const Shape& b, bool transpose_a, bool transpose_b) {
  Case c;
  c.text = "Product " + cnnc::to_string(a) + (transpose_a ? "^T" : "") + " by " +
           cnnc::to_string(b) + (transpose_b ? "^T" : "");
  Attrs attrs;
  attrs.set("transpose_a", transpose_a);
  attrs.set("transpose_b", transpose_b);
  const ValueId left = c.graph.add_input("a", f32(a));
  const ValueId right = c.graph.add_input("b", f32(b));
  c.graph.outputs = c.graph.add("Product", "product", attrs, {left, right});
  c.sum_length = transpose_a ? a[a.size() - 2] : a.back();
  return c;
}

// [batch, m, k] by [batch, k, j], in any of the four forms.
std::vector<Case> products(const Shape& batch, int64_t m, int64_t k, int64_t j) {
  std::vector<Case> result;
  for (const bool ta : {false, true}) {
    for (const bool tb : {false, true}) {
      Shape a = batch, b = batch;
      a.insert(a.end(), {ta ? k : m, ta ? m : k});
      b.insert(b.end(), {tb ? j : k, tb ? k : j});
      result.push_back(product(a, b, ta, tb));
    }
  }
  return result;
}

std::vector<Case> awkward_products(int64_t batch) {
  std::vector<Case> result;
  const auto add = [&](std::vector<Case> cases) {
    for (Case& c : cases) result.push_back(std::move(c));
  };
  add(products({}, batch, 5, 7));
  add(products({}, batch, 33, 40));
  add(products({batch}, 3, 4, 5));
  add(products({batch}, 17, 2, 9));
  add(products({batch, 2}, 3, 5, 2));
  add(products({batch, 2, 2}, 2, 3, 2));
  result.push_back(product({batch, 1, 3, 4}, {1, 3, 4, 5}, false, false));
  return result;
}

Case volumes(const std::string& op, const Shape& shape, int64_t kernel, int64_t stride,
             int64_t padding, int64_t depth, int64_t windows) {
  Case c;
  c.text = op + " " + cnnc::to_string(shape) + " kernel " + std::to_string(kernel);
  Attrs attrs;
  attrs.set("kernel", kernel);
  attrs.set("stride", stride);
  attrs.set("dilation", int64_t{1});
  attrs.set("padding", padding);
  attrs.set("depth", depth);
  attrs.set("windows", windows);
  std::vector<ValueId> inputs = {c.graph.add_input("input", f32(shape))};
  if (op == "FoldDepth") inputs.push_back(kNoValue);
  c.graph.outputs = c.graph.add(op, "node", attrs, inputs);
  c.sum_length = kernel;
  return c;
}

Case view(const Shape& from, const Shape& to) {
  Case c;
  c.text = "View " + cnnc::to_string(from) + " as " + cnnc::to_string(to);
  Attrs attrs;
  attrs.set("shape", to);
  // Not a view of an input: the kernel copies.
  const ValueId input = c.graph.add_input("input", f32(from));
  c.graph.outputs = c.graph.add("View", "view", attrs, {input});
  return c;
}

std::vector<Case> moves(int64_t n) {
  return {
      volumes("DepthWindows", {n, 3, 4, 2, 3}, 1, 1, 0, 4, 4),
      volumes("DepthWindows", {n, 5, 4, 2, 3}, 3, 1, 1, 4, 4),
      volumes("DepthWindows", {n, 17, 5, 1, 2}, 2, 2, 0, 5, 2),
      volumes("FoldDepth", {4 * n, 3, 2, 3}, 1, 1, 0, 4, 4),
      volumes("FoldDepth", {4 * n, 9, 2, 3}, 3, 1, 1, 4, 4),
      volumes("FoldDepth", {2 * n, 10, 1, 2}, 10, 3, 5, 6, 2),
      view({n, 3, 4, 2, 5}, {n, 12, 2, 5}),
      view({n, 12, 2, 5}, {n, 3, 4, 10}),
      view({n, 6, 5}, {n * 6, 5}),
      view({n * 6, 5}, {n, 2, 3, 5}),
  };
}

}  // namespace

TEST_CASE("training: products, volumes and views") {
  for (const std::string& target : targets()) {
    std::vector<Case> cases;
    for (const int64_t vectors : {1, 3}) {
      for (Case& c : awkward_products(lanes_of(target) * vectors)) {
        cases.push_back(for_training(std::move(c)));
      }
    }
    for (Case& c : moves(lanes_of(target))) cases.push_back(for_training(std::move(c)));
    check(std::move(cases), target);
  }
}

TEST_CASE("inference: products, volumes and views") {
  for (const std::string& target : targets()) {
    std::vector<Case> cases;
    for (const int64_t batch : {1, 3, 18}) {
      for (Case& c : awkward_products(batch)) {
        cases.push_back(for_inference(std::move(c), kChannelsLast, kChannelsLast));
      }
    }
    for (Case& c : awkward_products(2)) {
      cases.push_back(for_inference(std::move(c), kRowMajor, kRowMajor));
    }
    for (Case& c : moves(2)) {
      cases.push_back(for_inference(std::move(c), kChannelsLast, kChannelsLast));
    }
    check(std::move(cases), target);
  }
}

}  // namespace cnnc::test
