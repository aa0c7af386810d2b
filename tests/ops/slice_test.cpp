// Slice, SliceGrad.
#include "tests/ops/moves.h"

namespace cnnc {
namespace {

constexpr int64_t kFar = 2147483647;

Attrs range(const std::vector<int64_t>& starts, const std::vector<int64_t>& ends,
            const std::vector<int64_t>& axes, const std::vector<int64_t>& steps = {}) {
  Attrs attrs = attrs_of({{"starts", list(starts)}, {"ends", list(ends)}, {"axes", list(axes)}});
  if (!steps.empty()) attrs.set("steps", list(steps));
  return attrs;
}

Attrs grad(Attrs attrs, Shape whole) {
  attrs.set("input_shape", std::move(whole));
  return attrs;
}

}  // namespace

TEST_CASE("Slice infers its output", "[slice]") {
  CHECK(outcome_of("Slice", range({1}, {3}, {1}), {f32({2, 5, 4})}) == "f32[2, 2, 4]");
  CHECK(outcome_of("Slice", range({-2, 0}, {kFar, -1}, {1, -1}), {i32({2, 5, 4})}) ==
        "i32[2, 2, 3]");
  CHECK(outcome_of("Slice", range({0}, {kFar}, {1}, {2}), {f32({2, 5})}) == "f32[2, 3]");
  CHECK(outcome_of("Slice", range({-1}, {-kFar}, {1}, {-1}), {f32({2, 5})}) == "f32[2, 5]");
  CHECK(outcome_of("Slice", range({kFar}, {0}, {1}, {-2}), {f32({2, 5})}) == "f32[2, 2]");
  CHECK(outcome_of("Slice", range({1}, {5}, {1}, {kFar}), {f32({2, 5})}) == "f32[2, 1]");
  CHECK(outcome_of("Slice", range({4}, {-9}, {1}, {-kFar}), {f32({2, 5})}) == "f32[2, 1]");
}

TEST_CASE("Slice says one thing in one way", "[slice]") {
  const std::vector<Type> in = {f32({2, 5})};
  const Attrs a = inferred("Slice", range({-1}, {-kFar}, {-1}, {-2}), in);
  CHECK(a.integers("starts") == std::vector<int64_t>{4});
  CHECK(a.integers("ends") == std::vector<int64_t>{-6});
  CHECK(a.integers("axes") == std::vector<int64_t>{1});
  CHECK(inferred("Slice", a, in).all() == a.all());
  const Attrs b = inferred("Slice", range({1}, {kFar}, {1}, {3}), in);
  CHECK(b.integers("ends") == std::vector<int64_t>{5});
  CHECK(inferred("Slice", b, in).all() == b.all());
}

TEST_CASE("Slice says what is wrong", "[slice]") {
  CHECK(outcome_of("Slice", range({3}, {3}, {1}), {f32({2, 5})}) ==
        "starts and ends leave nothing of dimension 1 of [2, 5]");
  CHECK(outcome_of("Slice", range({1}, {3}, {1}, {-1}), {f32({2, 5})}) ==
        "starts and ends leave nothing of dimension 1 of [2, 5]");
  CHECK(outcome_of("Slice", range({1}, {3}, {2}), {f32({2, 5})}) ==
        "axes has 2, but the input [2, 5] has dimensions 0 to 1");
  CHECK(outcome_of("Slice", range({1}, {3}, {0, 1}), {f32({2, 5})}) ==
        "starts has 1 numbers, but axes has 2; ends has 1 numbers, but axes has 2");
  CHECK(outcome_of("Slice", range({1}, {3}, {1}, {0}), {f32({2, 5})}) == "steps must not be 0");
  CHECK(outcome_of("SliceGrad", grad(range({1}, {3}, {1}), {2, 5}), {f32({2, 3})}) ==
        "the gradient must be f32[2, 2], but is f32[2, 3]");
}

TEST_CASE("Slice takes what ONNX's takes", "[slice]") {
  CHECK(moved("Slice", range({1, 0}, {2, 3}, {0, 1}, {1, 2}), {{2, 4}}).data ==
        std::vector<double>{4, 6});
  CHECK(moved("Slice", range({0, 1}, {-1, 1000}, {0, 1}), {{2, 4}}).data ==
        std::vector<double>{1, 2, 3});
  CHECK(moved("Slice", range({-1}, {-1000}, {1}, {-3}), {{2, 4}}).data ==
        std::vector<double>{3, 0, 7, 4});
  std::mt19937 random(8);
  for (int i = 0; i < 8; ++i) {
    const Shape shape = {1 + static_cast<int64_t>(random() % 3),
                         5 + static_cast<int64_t>(random() % 9),
                         1 + static_cast<int64_t>(random() % 7)};
    const int64_t step = i % 2 ? 1 + i / 2 : -1 - i / 2;
    const auto any = [&] { return static_cast<int64_t>(random() % 30) - 15; };
    const Attrs attrs = range({any()}, {any()}, {1}, {step});
    INFO("case " << i << ": " << to_string(attrs.all().at("starts"))
                 << to_string(attrs.all().at("ends")));
    const std::string outcome = outcome_of("Slice", attrs, {f32(shape)});
    if (outcome.find("f32") == std::string::npos) continue;
    check_move("Slice", attrs, {counted(shape)});
    const ReferenceTensor part = run_reference("Slice", attrs, {counted(shape)})[0];
    check_move("SliceGrad", grad(attrs, shape), {counted(part.shape)});
  }
}

TEST_CASE("Slice's gradient rules agree with finite differences", "[slice][gradient]") {
  std::mt19937 random(9);
  for (int64_t step : {1, 2, -1, -2}) {
    const Attrs attrs = step > 0 ? range({1, 0}, {4, 2}, {1, 2}, {step, 1})
                                 : range({3, 1}, {0, -9}, {1, 2}, {step, -1});
    check_gradient("Slice", attrs, {random_tensor({2, 5, 3}, random)});
    const ReferenceTensor part = run_reference("Slice", attrs, {counted({2, 5, 3})})[0];
    check_gradient("SliceGrad", grad(attrs, {2, 5, 3}), {random_tensor(part.shape, random)});
  }
}

}  // namespace cnnc
