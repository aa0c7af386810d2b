// SGD.
#include "tests/ops/updates.h"

namespace cnnc {
namespace {

Attrs with(double momentum, double dampening, double weight_decay, bool nesterov) {
  return attrs_of({{"momentum", momentum},
                   {"dampening", dampening},
                   {"weight_decay", weight_decay},
                   {"nesterov", nesterov}});
}

// PyTorch's documentation, line by line.
UpdateRule sgd(double lr, double momentum, double dampening, double weight_decay, bool nesterov,
               bool maximize) {
  return [=](double& theta, std::vector<double>& s, double g, int step) {
    if (maximize) g = -g;
    g = g + weight_decay * theta;
    if (momentum != 0) {
      s[0] = step > 0 ? momentum * s[0] + (1 - dampening) * g : g;
      g = nesterov ? g + momentum * s[0] : s[0];
    }
    theta = theta - lr * g;
  };
}

}  // namespace

TEST_CASE("SGD has PyTorch's rules", "[sgd]") {
  const char* message = "nesterov needs momentum above 0 and dampening 0, but momentum is ";
  CHECK(outcome_of("SGD", with(0, 0, 0, true), {}) ==
        message + std::string("0 and dampening is 0"));
  CHECK(outcome_of("SGD", with(0.9, 0.1, 0, true), {}) ==
        message + std::string("0.9 and dampening is 0.1"));
  CHECK(outcome_of("SGD", with(0.9, 0, 0, true), {}).empty());
  CHECK(outcome_of("SGD", {}, {}).empty());
}

TEST_CASE("SGD infers its outputs and says what is wrong", "[sgd]") {
  const Type w = f32({4, 3}), lr = f32({1});
  CHECK(outcome_of("SGD", {}, {w, {}, w, lr}) == "f32[4, 3]");
  CHECK(outcome_of("SGD", with(0.9, 0, 0, false), {w, w, w, lr}) == "f32[4, 3], f32[4, 3]");
  CHECK(outcome_of("SGD", {}, {w, w, w, lr}) == "state 1 is given, but the attributes ask for 0");
  CHECK(outcome_of("SGD", with(0.9, 0, 0, false), {w, {}, w, lr}) ==
        "the momentum_buffer must be f32[4, 3], but is missing");
  CHECK(outcome_of("SGD", with(0.9, 0.5, 0, false), {w, w, w, lr}) ==
        "the step must be i32[1], but is missing");
  CHECK(outcome_of("SGD", {}, {w, {}, f32({3, 4}), lr}) ==
        "the gradient must be f32[4, 3], but is f32[3, 4]");
}

TEST_CASE("SGD computes what its reference computes", "[sgd]") {
  for (const Shape& shape : {Shape{5}, Shape{3, 7}, Shape{2, 3, 3, 2}}) {
    INFO(to_string(shape) << ", seed 1");
    std::mt19937 random(1);
    const ReferenceTensor w = random_tensor(shape, random), v = random_tensor(shape, random);
    const ReferenceTensor g = random_tensor(shape, random), lr = tensor({1}, {0.125});
    check_lowering("SGD", with(0, 0, 0, false), {w, absent(), g, lr});
    check_lowering("SGD", with(0, 0, 0.1, false), {w, absent(), g, lr});
    check_lowering("SGD", with(0.9, 0, 0, false), {w, v, g, lr});
    check_lowering("SGD", with(0.9, 0, 0.1, true), {w, v, g, lr});
    check_lowering("SGD", with(0.9, 0.25, 0.1, false), {w, v, g, lr, step_of(0)});
    check_lowering("SGD", with(0.9, 0.25, 0.1, false), {w, v, g, lr, step_of(3)});
  }
}

TEST_CASE("SGD's steps are PyTorch's", "[sgd]") {
  check_steps("SGD", with(0, 0, 0.1, false), 0, 1, 0.1, sgd(0.1F, 0, 0, 0.1, false, false));
  check_steps("SGD", with(0.9, 0.25, 0, false), 1, 1, 0.1, sgd(0.1F, 0.9, 0.25, 0, false, false));
  Attrs attrs = with(0.9, 0, 0.1, true);
  check_steps("SGD", attrs, 1, 1, 0.1, sgd(0.1F, 0.9, 0, 0.1, true, false));
  attrs.set("maximize", true);
  check_steps("SGD", attrs, 1, 1, 0.1, sgd(0.1F, 0.9, 0, 0.1, true, true));
}

TEST_CASE("SGD of known values", "[sgd]") {
  // By hand: d = 1 + 0.5 * 2 = 2; v = 0.5 * 4 + 2 = 4; the parameter moves by 0.1 * (2 + 0.5 * 4).
  const ReferenceTensor w = tensor({1}, {2}), v = tensor({1}, {4}), g = tensor({1}, {1});
  const std::vector<ReferenceTensor> found =
      run_compiled("SGD", with(0.5, 0, 0.5, true), {w, v, g, tensor({1}, {0.1F})});
  CHECK(found[0].data[0] == Approx(1.6));
  CHECK(found[1].data[0] == Approx(4));
}

}  // namespace cnnc
