// Adagrad, Adam and Momentum of the domain ai.onnx.preview.training, whose step number is known.
//
// Inputs: the learning rate, the number of updates so far, then for n tensors each: all tensors,
// all gradients, and lists of what is kept; outputs: the tensors and what is kept.
#include <cmath>

#include "compiler/onnx/operators.h"
#include "compiler/onnx/views.h"

namespace cnnc {
namespace {

class Update {
 public:
  Update(OnnxNode& node, int64_t kept) : node_(node) {
    const int64_t lists = 2 + kept;
    count_ = (node.input_count() - 2) / lists;
    if (count_ < 1 || 2 + count_ * lists != node.input_count()) {
      refuse("has " + std::to_string(node.input_count()) + " inputs");
    }
    rate_ = node.input(0);
    steps_ = static_cast<double>(node.known_scalar(1));
  }

  [[nodiscard]] int64_t count() const { return count_; }
  [[nodiscard]] double steps() const { return steps_; }
  // List 0 are the tensors, 1 the gradients.
  [[nodiscard]] Operand input(int64_t list, int64_t i) const {
    return node_.input(2 + list * count_ + i);
  }
  void set(int64_t list, int64_t i, const Operand& operand) {
    node_.set_output(list * count_ + i, operand);
  }

  [[nodiscard]] Operand add(const Operand& a, const Operand& b) {
    return combined(node_, "Add", a, b);
  }
  [[nodiscard]] Operand times(const Operand& a, double factor) {
    return factor == 1 ? a : combined(node_, "Mul", a, factor);
  }
  [[nodiscard]] Operand square(const Operand& a) { return combined(node_, "Mul", a, a); }
  // a / (sqrt(b) + epsilon)
  [[nodiscard]] Operand over_root(const Operand& a, const Operand& b, double epsilon) {
    const Operand root = combined(node_, "Add", node_.emit("Sqrt", {}, {b}), epsilon);
    return combined(node_, "Div", a, root);
  }
  // The gradient, with the norm's.
  [[nodiscard]] Operand gradient(int64_t i, double norm) {
    return norm == 0 ? input(1, i) : add(input(1, i), times(input(0, i), norm));
  }
  // tensor - factor * rate * step
  [[nodiscard]] Operand moved(int64_t i, const Operand& step, double factor) {
    return combined(node_, "Sub", input(0, i), combined(node_, "Mul", times(step, factor), rate_));
  }

 private:
  OnnxNode& node_;
  int64_t count_ = 0;
  Operand rate_;
  double steps_ = 0;
};

void import_adagrad(OnnxNode& node) {
  Update update(node, 1);
  const double decay = node.real("decay_factor", 0), epsilon = node.real("epsilon", 1e-6);
  const double norm = node.real("norm_coefficient", 0);
  for (int64_t i = 0; i < update.count(); ++i) {
    const Operand gradient = update.gradient(i, norm);
    const Operand sum = update.add(update.input(2, i), update.square(gradient));
    const Operand step = update.over_root(gradient, sum, epsilon);
    update.set(0, i, update.moved(i, step, 1 / (1 + update.steps() * decay)));
    update.set(1, i, sum);
  }
}

void import_adam(OnnxNode& node) {
  Update update(node, 2);
  const double alpha = node.real("alpha", 0.9), beta = node.real("beta", 0.999);
  const double epsilon = node.real("epsilon", 1e-6), norm = node.real("norm_coefficient", 0);
  const double after = node.real("norm_coefficient_post", 0);
  const double steps = update.steps();
  const double correction =
      steps > 0 ? std::sqrt(1 - std::pow(beta, steps)) / (1 - std::pow(alpha, steps)) : 1;
  for (int64_t i = 0; i < update.count(); ++i) {
    const Operand gradient = update.gradient(i, norm);
    const Operand mean =
        update.add(update.times(update.input(2, i), alpha), update.times(gradient, 1 - alpha));
    const Operand squares = update.add(update.times(update.input(3, i), beta),
                                       update.times(update.square(gradient), 1 - beta));
    const Operand moved = update.moved(i, update.over_root(mean, squares, epsilon), correction);
    update.set(0, i, update.times(moved, 1 - after));
    update.set(1, i, mean);
    update.set(2, i, squares);
  }
}

void import_momentum(OnnxNode& node) {
  Update update(node, 1);
  const double alpha = node.real("alpha", 0), norm = node.real("norm_coefficient", 0);
  const double given = node.real("beta", 1);
  const double beta = update.steps() > 0 ? given : 1;
  const std::string mode = node.text("mode", "standard");
  if (mode != "standard" && mode != "nesterov") refuse("its attribute mode is \"" + mode + "\"");
  for (int64_t i = 0; i < update.count(); ++i) {
    const Operand gradient = update.gradient(i, norm);
    const Operand momentum =
        update.add(update.times(update.input(2, i), alpha), update.times(gradient, beta));
    const Operand step =
        mode == "standard" ? momentum : update.add(gradient, update.times(momentum, alpha));
    update.set(0, i, update.moved(i, step, 1));
    update.set(1, i, momentum);
  }
}

}  // namespace

OnnxOperators optimizer_operators() {
  return {{"ai.onnx.preview.training.Adagrad", import_adagrad},
          {"ai.onnx.preview.training.Adam", import_adam},
          {"ai.onnx.preview.training.Momentum", import_momentum}};
}

}  // namespace cnnc
