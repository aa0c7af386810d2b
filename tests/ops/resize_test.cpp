// Upsample, Resize, ResizeGrad.
#include "tests/ops/moves.h"

namespace cnnc {
namespace {

using List = std::vector<int64_t>;
using Reals = std::vector<double>;

Attrs to_size(List size, const std::string& mode = "nearest", bool align = false) {
  return attrs_of({{"size", std::move(size)}, {"mode", mode}, {"align_corners", align}});
}

Attrs by_factor(Reals factors, const std::string& mode = "nearest", bool align = false) {
  return attrs_of({{"scale_factor", std::move(factors)}, {"mode", mode}, {"align_corners", align}});
}

Attrs resize(List sizes, const std::string& mode, const std::string& coordinates,
             const std::string& nearest = "round_prefer_floor") {
  return attrs_of({{"sizes", std::move(sizes)},
                   {"mode", mode},
                   {"coordinate_transformation_mode", coordinates},
                   {"nearest_mode", nearest}});
}

// The row 0, 1, 2, ... resized, by reference; the compiled code gives the same.
Reals row(const std::string& op, const Attrs& attrs, const ReferenceTensor& in) {
  check_lowering(op, attrs, {in}, vectors(4), 1e-6);
  return run_reference(op, attrs, {in})[0].data;
}

void check_near(const Reals& found, const Reals& wanted) {
  check_equal(tensor({static_cast<int64_t>(found.size())}, found),
              tensor({static_cast<int64_t>(wanted.size())}, wanted), 1e-6);
}

}  // namespace

TEST_CASE("Upsample infers its output", "[resize]") {
  CHECK(outcome_of("Upsample", by_factor({2}), {f32({2, 3, 4, 5})}) == "f32[2, 3, 8, 10]");
  CHECK(outcome_of("Upsample", by_factor({2, 0.5}), {f32({2, 3, 4, 5})}) == "f32[2, 3, 8, 2]");
  CHECK(outcome_of("Upsample", to_size({7}), {f32({2, 3, 4})}) == "f32[2, 3, 7]");
  CHECK(outcome_of("Upsample", to_size({7, 8, 9}, "trilinear"), {f32({2, 3, 4, 5, 6})}) ==
        "f32[2, 3, 7, 8, 9]");
  CHECK(outcome_of("Resize", resize({2, 6, 4}, "linear", "half_pixel"), {f32({2, 3, 4})}) ==
        "f32[2, 6, 4]");
}

TEST_CASE("Upsample says what is wrong", "[resize]") {
  const std::vector<Type> image = {f32({2, 3, 4, 5})};
  CHECK(outcome_of("Upsample", {}, image) == "takes either size or scale_factor");
  CHECK(outcome_of("Upsample", by_factor({2}, "linear"), image) ==
        "mode is \"linear\", but the input is [2, 3, 4, 5]");
  CHECK(outcome_of("Upsample", by_factor({2}, "nearest", true), image) ==
        "align_corners is for linear and cubic modes, but mode is \"nearest\"");
  CHECK(outcome_of("Upsample", by_factor({2, 2, 2}), image) ==
        "scale_factor has 3 numbers, but takes 1 or 2");
  CHECK(outcome_of("Upsample", by_factor({0.1}), image) ==
        "scale_factor leaves 0 of dimension 2 of [2, 3, 4, 5]");
  CHECK(outcome_of("Upsample", to_size({100000, 100000}), image) ==
        "the output [2, 3, 100000, 100000] has more than 2147483647 elements");
  CHECK(outcome_of("Upsample", by_factor({2}), {f32({2, 3})}) ==
        "the input must be [N, C, W] or [N, C, H, W] or [N, C, D, H, W], but is [2, 3]");
}

TEST_CASE("Upsample makes what PyTorch makes", "[resize]") {
  const ReferenceTensor two = tensor({1, 1, 2}, {1, 2});
  const ReferenceTensor square = tensor({1, 1, 2, 2}, {1, 2, 3, 4});
  CHECK(row("Upsample", by_factor({2}), square) ==
        Reals{1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4});
  check_near(row("Upsample", by_factor({2}, "bilinear"), square),
             {1, 1.25, 1.75, 2, 1.5, 1.75, 2.25, 2.5, 2.5, 2.75, 3.25, 3.5, 3, 3.25, 3.75, 4});
  check_near(row("Upsample", by_factor({2}, "bilinear", true), square),
             {1, 4. / 3, 5. / 3, 2, 5. / 3, 2, 7. / 3, 8. / 3, 7. / 3, 8. / 3, 3, 10. / 3, 3,
              10. / 3, 11. / 3, 4});
  CHECK(row("Upsample", to_size({5}), two) == Reals{1, 1, 1, 2, 2});
  CHECK(row("Upsample", to_size({3}), counted({1, 1, 5})) == Reals{0, 1, 3});
  CHECK(row("Upsample", to_size({3}, "nearest-exact"), counted({1, 1, 5})) == Reals{0, 2, 4});
  // With a factor of 1.5, coordinates are divided by it, though the extents have 4 / 3.
  check_near(row("Upsample", by_factor({1.5}, "linear"), counted({1, 1, 3})),
             {0, 0.5, 7. / 6, 11. / 6});
  CHECK(row("Upsample", to_size({1}, "linear", true), counted({1, 1, 3})) == Reals{0});
}

TEST_CASE("Resize makes what ONNX's makes", "[resize]") {
  const ReferenceTensor four = tensor({1, 4}, {1, 2, 3, 4});
  check_near(
      row("Resize", resize({1, 8}, "cubic", "half_pixel"), four),
      {0.89453125, 1.19140625, 1.66796875, 2.296875, 2.703125, 3.33203125, 3.80859375, 4.10546875});
  check_near(row("Resize", resize({1, 8}, "cubic", "asymmetric"), four),
             {1, 1.40625, 2, 2.5, 3, 3.59375, 4, 4.09375});
  CHECK(row("Resize", resize({1, 2}, "nearest", "half_pixel"), four) == Reals{1, 3});
  CHECK(row("Resize", resize({1, 2}, "nearest", "half_pixel", "round_prefer_ceil"), four) ==
        Reals{2, 4});
  CHECK(row("Resize", resize({1, 2}, "nearest", "asymmetric", "ceil"), four) == Reals{1, 3});
  CHECK(row("Resize", resize({1, 1}, "linear", "pytorch_half_pixel"), four) == Reals{1});
  CHECK(row("Resize", resize({1, 1}, "linear", "half_pixel"), four) == Reals{2.5});
  Attrs by_scale = resize({1, 2}, "linear", "align_corners");
  CHECK(row("Resize", by_scale, four) == Reals{1, 4});
  by_scale.set("scales", Reals{1, 0.6});
  check_near(row("Resize", by_scale, four), {1, 1 + 3 / 1.4});
  Attrs excluding = resize({1, 8}, "cubic", "half_pixel");
  excluding.set("exclude_outside", true);
  excluding.set("cubic_coeff_a", -0.5);
  const Reals found = row("Resize", excluding, tensor({1, 4}, {1, 1, 1, 1}));
  check_near(found, Reals(8, 1));
}

TEST_CASE("Upsample and its gradient compute what their references compute", "[resize]") {
  std::mt19937 random(16);
  for (const char* mode : {"nearest", "nearest-exact", "bilinear", "bicubic"}) {
    INFO(mode);
    const ReferenceTensor image = random_tensor({2, 3, 5, 7}, random);
    check_lowering("Upsample", to_size({8, 12}, mode), {image}, vectors(4), 1e-6);
    check_lowering("Upsample", to_size({3, 4}, mode), {image}, {}, 1e-6);
  }
  for (int64_t extent : {2, 3, 5, 9}) {
    Attrs attrs = attrs_of({{"dim", number(2)}, {"input_extent", extent}});
    attrs.set("mode", std::string("linear"));
    check_lowering("ResizeGrad", attrs, {random_tensor({2, 3, 20}, random)}, vectors(4), 1e-6);
  }
}

TEST_CASE("Upsample's gradient rule agrees with finite differences", "[resize][gradient]") {
  std::mt19937 random(17);
  for (const char* mode : {"nearest", "nearest-exact", "bilinear", "bicubic"}) {
    INFO(mode);
    check_gradient("Upsample", to_size({5, 3}, mode), {random_tensor({1, 2, 3, 2}, random)});
    check_gradient("Upsample", by_factor({0.7, 1.6}, mode), {random_tensor({1, 1, 4, 3}, random)});
  }
  check_gradient("Upsample", by_factor({2.}, "bilinear", true),
                 {random_tensor({1, 2, 3, 2}, random)});
  Attrs excluding = resize({2, 3, 7}, "cubic", "half_pixel_symmetric");
  excluding.set("exclude_outside", true);
  check_gradient("Resize", excluding, {random_tensor({2, 3, 4}, random)});
}

}  // namespace cnnc
