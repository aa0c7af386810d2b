// Random networks through all passes: training and inference compute what they did before.
#include "compiler/passes/passes.h"
#include "tests/passes/evaluate.h"

namespace cnnc {
using test::check_same;
using test::Sketch;

namespace {

// Convolutions, some of which share their weights, sums, pools, flattens and dropouts, at random.
class RandomNetwork {
 public:
  explicit RandomNetwork(uint32_t seed) : random_(seed) {
    images_ = {s.input("x", {2, 2, 4, 4})};
    seed_ = s.input("seed", {1}, DType::i32);
    const size_t count = 3 + below(8);
    for (size_t i = 0; i < count; ++i) grow("n" + std::to_string(i));
    if (flats_.empty()) flats_.push_back(s.flatten("flat", images_.back()));
    ValueId head = s.linear("head", 3, flats_.back());
    if (images_.size() > 1) {
      const ValueId other = s.linear("other", 3, s.flatten("flat2", images_.back()));
      head = s.add("both", head, other);
    }
    scores = head;
    loss = s.loss(head);
  }

  Sketch s;
  ValueId scores = kNoValue;
  ValueId loss = kNoValue;
  ValueId seed() const { return seed_; }

 private:
  size_t below(size_t n) { return random_() % n; }
  ValueId any(const std::vector<ValueId>& list) { return list[below(list.size())]; }

  void grow(const std::string& name) {
    const ValueId image = any(images_);
    switch (below(9)) {
      case 0:
      case 1:
        images_.push_back(s.conv(name, 2, image));
        break;
      case 2: {  // the weights of another one
        if (s.parameters().empty()) return;
        const ValueId weight = s.parameters()[0];
        if (s.graph.type(weight).shape != Shape{2, 2, 3, 3}) return;
        Attrs attrs;
        attrs.set("out_channels", int64_t{2});
        attrs.set("kernel_size", std::vector<int64_t>{3, 3});
        attrs.set("padding", std::vector<int64_t>{1, 1, 1, 1});
        images_.push_back(s.node("Conv2d", name, attrs, {image, weight, kNoValue})[0]);
        break;
      }
      case 3:
        images_.push_back(s.relu(name, image));
        break;
      case 4:
        images_.push_back(s.add(name, image, any(images_)));
        break;
      case 5: {
        const ValueId pooled = s.pool(name, s.relu(name + "r", s.conv(name + "c", 3, image)))[0];
        flats_.push_back(s.relu(name + "fr", s.flatten(name + "f", pooled)));
        break;
      }
      case 6:
        if (!flats_.empty()) flats_.push_back(s.relu(name, s.linear(name + "l", 12, any(flats_))));
        break;
      case 7: {
        Attrs attrs;
        attrs.set("p", 0.3);
        images_.push_back(s.layer("Dropout", name, attrs, {image}));
        break;
      }
      default: {  // and back to an image
        Attrs attrs;
        attrs.set("unflattened_size", std::vector<int64_t>{2, 4, 4});
        const ValueId fc = s.linear(name + "l", 32, s.flatten(name + "f", image));
        images_.push_back(s.add(name, s.node("Unflatten", name + "u", attrs, {fc})[0], image));
        break;
      }
    }
  }

  std::mt19937 random_;
  std::vector<ValueId> images_;
  std::vector<ValueId> flats_;
  ValueId seed_ = kNoValue;
};

}  // namespace

TEST_CASE("random networks compute the same after the passes of inference") {
  const uint32_t base = std::random_device()();
  for (uint32_t seed = base; seed != base + 40; ++seed) {
    INFO("seed " << seed);
    RandomNetwork net(seed);
    net.s.graph.outputs = {net.scores};
    const Graph dropped = drop_training_only(net.s.graph);
    check_same(net.s.graph, dropped, seed);
    const Graph moved = move_monotone_below_maximum(dropped);
    check_same(dropped, moved, seed);
    const Graph viewed = move_elementwise_above_views(moved);
    check_same(moved, viewed, seed);
    check_same(viewed, eliminate_dead(viewed), seed);
  }
}

TEST_CASE("random networks train the same after all passes") {
  const uint32_t base = std::random_device()();
  for (uint32_t seed = base; seed != base + 40; ++seed) {
    INFO("seed " << seed);
    RandomNetwork net(seed);
    const std::vector<ValueId> parameters = net.s.parameters();
    const ValueId lr = net.s.input("lr", {1});
    const ValueId step = net.s.input("step", {1}, DType::i32);
    Graph graph = seed_training_only(net.s.graph, net.seed());
    graph.outputs = {net.loss};
    Attrs attrs;
    attrs.set("momentum", 0.5);
    const auto trained = [&](Graph forward) {
      Gradients gradients = *differentiate(std::move(forward), net.loss, parameters);
      return add_optimizer(std::move(gradients.graph), *find_op("SGD"), attrs, parameters,
                           gradients.of, lr, step);
    };
    const Graph plain = trained(graph);
    const Graph moved = trained(move_elementwise_above_views(move_monotone_below_maximum(graph)));
    // The states have other ids, and start at zero: compare the parameters after one step.
    const auto outputs = [](const Graph& g, bool of_states) {
      std::vector<ValueId> result;
      for (ValueId id : g.outputs) {
        const bool is_state = g.values[id].name.find(".momentum_buffer") != std::string::npos;
        if (is_state == of_states) result.push_back(id);
      }
      return result;
    };
    REQUIRE_THAT(verify(moved), Catch::Equals(""));
    std::mt19937 random(seed);
    const GivenValues given = test::random_values(graph, random);
    const std::vector<ReferenceTensor> a = interpret(plain, given);
    const std::vector<ReferenceTensor> b = interpret(moved, given);
    const std::vector<ValueId> of_plain = outputs(plain, false);
    const std::vector<ValueId> of_moved = outputs(moved, false);
    REQUIRE(of_plain.size() == of_moved.size());
    for (size_t i = 0; i < of_plain.size(); ++i) {
      for (size_t k = 0; k < a[of_plain[i]].data.size(); ++k) {
        REQUIRE(b[of_moved[i]].data[k] == Approx(a[of_plain[i]].data[k]).margin(1e-11));
      }
    }
    const Graph summed = sum_before_spreading(moved);
    check_same(moved, summed, seed);
    const Graph viewed = move_elementwise_above_views(summed);
    check_same(summed, viewed, seed);
    const Graph cloned = clone_cheap_gathers(viewed);
    check_same(viewed, cloned, seed);
    check_same(cloned, eliminate_dead(cloned), seed);
  }
}

}  // namespace cnnc
