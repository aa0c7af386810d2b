// Every family of schedules over awkward shapes, on every target that this machine runs.
//
// CNNC_TEST_SEED draws other random shapes, CNNC_TEST_CASES more of them, CNNC_TEST_TARGETS limits
// the targets.
#include <catch2/catch.hpp>

#include "tests/schedules/groups.h"

namespace cnnc::test {
namespace {

// The convolutions that a rule is most likely to get wrong.
std::vector<ConvShape> awkward_convs() {
  return {
      with_pool(conv("mb1ic1ih12oc32kh3ph1"), 2, 2),  // MNIST's first layer
      with_pool(conv("mb1ic16ih7oc33kh3ph1"), 2, 2),  // an odd image
      with_pool(conv("mb1ic5ih9oc10kh3ph0"), 3, 1),
      conv("mb1ic17ih1oc3kh1ph0"),   // one pixel
      conv("mb1ic10ih3oc40kh3ph0"),  // one pixel comes out
      conv("mb1ic3ih1iw9oc5kh3ph1"),
      conv("mb1ic3ih9iw1oc5kh3ph1"),
      conv("mb1ic33ih5oc17kh1ph0"),
      conv("mb1ic512ih3oc9kh1ph0"),  // pixels a line apart
      conv("mb1ic7ih3oc512kh3ph1"),
      conv("mb1ic4ih11oc10kh3sh2ph1"),
      conv("mb1ic3ih9oc8kh3ph2dh1"),
      conv("mb1ic2ih13oc6kh5sh3ph3dh1"),
      conv("mb1ic3ih6oc10oh5ow6kh3ph0pw2"),
      conv("g2mb1ic6ih6oc10kh3ph1"),
      conv("g17mb1ic17ih8oc17kh3ph1"),  // depthwise
      conv("g5mb1ic5ih6oc10kh3ph1"),    // two outputs per input
      with_pool(conv("g8mb1ic8ih8oc8kh3ph1"), 2, 2),
      with_average(conv("mb1ic16ih8oc17kh3ph1"), 2, 2),
      with_average(conv("mb1ic2ih9oc10kh3ph1"), 2, 1),
      // One tap, or one output, of a padded axis; see read_position in compiler/ops/window.h. The
      // last panel has a vector without a channel, where vectors have 4, 8 or 16 elements.
      with_pool(conv("mb1ic2ih8oc10kh1sh2ph1"), 2, 2),
      with_pool(conv("mb1ic1ih8oc20kh3sh2ph1"), 2, 2),
      with_pool(conv("mb1ic3ih7oc40kh3sh2ph1"), 2, 2),
      conv("mb1ic1ih6iw2oc20kh3sh2ph1"),
      with_pool(conv("mb1ic3ih8iw5oc40kh1ph1"), 2, 2),
      conv("mb1ic3ih2oc5oh1kh3ph0"),
      conv("mb1ic2ih10oc3kh7ph3"),
      conv("mb1ic1ih1oc1kh1ph0"),
  };
}

std::vector<Update> some_updates() {
  Update none;
  Update plain{true, 0, 0, 0, false, 3};
  Update momentum{true, 0.5, 0, 0, false, 3};
  Update full{true, 0.5, 0.25, 0, true, 0};
  Update damped{true, 0.5, 0, 0.5, false, 3};
  Update first{true, 0.5, 0.25, 0.5, false, 0};
  return {momentum, none, plain, full, damped, first};
}

TEST_CASE("training: convolutions") {
  for (const std::string& target : targets()) {
    const int64_t lanes = lanes_of(target);
    std::vector<Case> cases;
    int64_t vectors = 0;
    for (const ConvShape& s : awkward_convs()) {
      ConvShape shape = s;
      shape.batch = lanes * (vectors++ % 4 + 1);
      cases.push_back(for_training(conv_forward(shape)));
    }
    std::mt19937 random = generator("training conv", target);
    for (int i = 0; i < random_count(); ++i) {
      const int64_t batch = lanes * (1 + static_cast<int64_t>(random() % 4));
      cases.push_back(for_training(conv_forward(random_conv(random, batch))));
    }
    check(std::move(cases), target);
  }
}

TEST_CASE("training: input gradients of convolutions") {
  for (const std::string& target : targets()) {
    const int64_t lanes = lanes_of(target);
    std::vector<Case> cases;
    int64_t vectors = 1;
    for (const ConvShape& s : awkward_convs()) {
      ConvShape shape = s;
      shape.batch = lanes * (vectors++ % 4 + 1);
      cases.push_back(for_training(conv_input_grad(shape)));
    }
    std::mt19937 random = generator("training conv input grad", target);
    for (int i = 0; i < random_count(); ++i) {
      const int64_t batch = lanes * (1 + static_cast<int64_t>(random() % 4));
      cases.push_back(for_training(conv_input_grad(random_conv(random, batch))));
    }
    check(std::move(cases), target);
  }
}

TEST_CASE("training: weight gradients of convolutions") {
  for (const std::string& target : targets()) {
    const int64_t lanes = lanes_of(target);
    std::vector<Case> cases;
    const std::vector<Update> updates = some_updates();
    size_t k = 0;
    for (const ConvShape& s : awkward_convs()) {
      ConvShape shape = s;
      shape.batch = lanes * static_cast<int64_t>(k % 3 + 1);
      cases.push_back(for_training(conv_weight_grad(shape, updates[k++ % updates.size()])));
    }
    std::mt19937 random = generator("training conv weight grad", target);
    for (int i = 0; i < random_count(); ++i) {
      const int64_t batch = lanes * (1 + static_cast<int64_t>(random() % 4));
      const ConvShape shape = random_conv(random, batch);
      cases.push_back(for_training(conv_weight_grad(shape, random_update(random))));
    }
    check(std::move(cases), target);
  }
}

TEST_CASE("training: Winograd's algorithm") {
  for (const std::string& target : targets()) {
    const int64_t lanes = lanes_of(target);
    const std::vector<ConvShape> shapes = {
        conv("mb1ic48ih9iw13oc33kh3ph1"),
        conv("mb3ic32ih10oc36oh8ow12kh3ph0pw2"),
        conv("mb4ic40ih5oc64kh3ph1"),
        conv("mb1ic64ih4oc34kh3ph1"),
    };
    const std::vector<Update> updates = some_updates();
    // With caches of a few KiB no transforms of a block fit them, and tiles pass by in other
    // orders.
    for (const Caches caches : {Caches::real, Caches::small}) {
      std::vector<Case> cases;
      for (size_t i = caches == Caches::small ? 1 : 0; i < shapes.size(); ++i) {
        ConvShape shape = shapes[i];
        shape.batch *= lanes;
        shape.residual = i % 2 == 1;
        shape.relu = i % 3 != 0;
        cases.push_back(for_training(conv_forward(shape)));
        cases.push_back(for_training(conv_input_grad(shape)));
        cases.push_back(for_training(conv_weight_grad(shape, updates[i % updates.size()])));
      }
      check(std::move(cases), target, caches);
    }
    // Blocks of two panels along the batch, of two along a row of which three lie there, of both.
    std::vector<Case> cases;
    for (const char* text :
         {"mb4ic32ih4oc33kh3ph1", "mb1ic32ih6iw21oc32kh3ph1", "mb4ic33ih5iw12oc32kh3ph1"}) {
      ConvShape shape = conv(text);
      shape.batch *= lanes;
      cases.push_back(for_training(conv_forward(shape)));
      cases.push_back(for_training(conv_input_grad(shape)));
    }
    check(std::move(cases), target, Caches::real, Choice::blocks);
  }
}

TEST_CASE("training: linear layers and their gradients") {
  const std::vector<LinearShape> awkward = {
      {1, 1, 1, true, false},  {1, 17, 10, true, true},   {1, 33, 3, false, false},
      {1, 5, 40, true, true},  {1, 300, 129, true, true}, {1, 1, 65, true, false},
      {1, 64, 1, false, true}, {1, 130, 31, true, false}, {1, 129, 408, true, false},
  };
  for (const std::string& target : targets()) {
    const int64_t lanes = lanes_of(target);
    std::vector<LinearShape> shapes = awkward;
    for (size_t i = 0; i < shapes.size(); ++i) {
      shapes[i].batch = lanes * static_cast<int64_t>(i % 4 + 1);
    }
    std::mt19937 random = generator("training linear", target);
    for (int i = 0; i < random_count(); ++i) {
      const int64_t batch = lanes * (1 + static_cast<int64_t>(random() % 4));
      shapes.push_back(random_linear(random, batch));
    }
    const std::vector<Update> updates = some_updates();
    std::vector<Case> cases;
    for (size_t i = 0; i < shapes.size(); ++i) {
      cases.push_back(for_training(linear_forward(shapes[i])));
      cases.push_back(for_training(linear_input_grad(shapes[i])));
      cases.push_back(for_training(linear_weight_grad(shapes[i], updates[i % updates.size()])));
    }
    check(std::move(cases), target);
  }
}

TEST_CASE("training: sums over channels") {
  for (const std::string& target : targets()) {
    const int64_t lanes = lanes_of(target);
    const std::vector<Update> updates = some_updates();
    const std::vector<Shape> shapes = {
        {lanes, 1},       {2 * lanes, 10},  {3 * lanes, 33},       {4 * lanes, 512},
        {lanes, 1, 1, 1}, {lanes, 3, 5, 7}, {2 * lanes, 40, 1, 9}, {4 * lanes, 17, 14, 14}};
    std::vector<Case> cases;
    cases.reserve(shapes.size());
    for (size_t i = 0; i < shapes.size(); ++i) {
      cases.push_back(for_training(channel_sum(shapes[i], updates[i % updates.size()])));
    }
    check(std::move(cases), target);
  }
}

// Ops without an anchor, with the batch or the channels innermost.
std::vector<Case> plain_cases(int64_t n, std::mt19937& random) {
  std::vector<Case> cases;
  PoolShape overlapping{3, 3, 2, 2, 1, 1, 1, 1, false};
  PoolShape ceiling{2, 2, 2, 2, 0, 0, 1, 1, true};
  PoolShape dilated{2, 3, 1, 2, 1, 1, 2, 1, true};
  PoolShape gaps{2, 2, 3, 3, 0, 0, 1, 1, false};
  PoolShape large{5, 4, 1, 1, 2, 2, 1, 1, false};
  cases.push_back(pool({n, 5, 9, 9}, overlapping));
  cases.push_back(pool({n, 3, 7, 5}, ceiling));
  cases.push_back(pool({n, 17, 6, 7}, dilated));
  cases.push_back(pool({n, 1, 1, 1}, {1, 1, 1, 1, 0, 0, 1, 1, false}));
  cases.push_back(pool({n, 3, 2, 1}, overlapping));  // one output
  cases.push_back(pool({n, 3, 4, 2}, overlapping));
  cases.push_back(pool_grad({n, 5, 9, 9}, overlapping));
  cases.push_back(pool_grad({n, 3, 7, 5}, ceiling));
  cases.push_back(pool_grad({n, 4, 6, 7}, dilated));
  cases.push_back(pool_grad({n, 10, 8, 8}, gaps));
  cases.push_back(pool_grad({n, 2, 6, 6}, large));
  PoolShape asymmetric{3, 3, 2, 2, 0, 1, 1, 1, false, 1, -1};
  PoolShape average = overlapping, average_ceiling = ceiling, global{7, 6, 1, 1, 0, 0, 1, 1, false};
  average.average = average_ceiling.average = global.average = true;
  cases.push_back(pool({n, 3, 8, 8}, asymmetric));
  cases.push_back(pool_grad({n, 3, 8, 8}, asymmetric));
  asymmetric.average = true;
  cases.push_back(pool({n, 5, 9, 9}, average));
  cases.push_back(pool({n, 33, 7, 5}, average_ceiling));
  cases.push_back(pool({n, 17, 8, 8}, asymmetric));
  cases.push_back(pool({n, 100, 7, 6}, global));
  cases.push_back(pool_grad({n, 5, 9, 9}, average));
  cases.push_back(pool_grad({n, 17, 7, 5}, average_ceiling));
  cases.push_back(pool_grad({n, 3, 8, 8}, asymmetric));
  cases.push_back(pool_grad({n, 17, 7, 6}, global));
  for (const Shape& shape : {Shape{n, 70, 7, 7}, Shape{n, 3, 1, 5}, Shape{n, 17, 8, 9}}) {
    for (const std::vector<int64_t>& size : {Shape{1, 1}, Shape{3, 4}, Shape{2, 3}}) {
      Attrs attrs;
      attrs.set("output_size", size);
      cases.push_back(unary("AdaptiveAvgPool2d", attrs, shape));
      cases.back().sum_length = shape[2] * shape[3];
      cases.back().tolerance = 1e-6;
      cases.push_back(unary("AdaptiveMaxPool2d", attrs, shape));
      attrs.set("input_height", shape[2]);
      attrs.set("input_width", shape[3]);
      cases.push_back(unary("AdaptiveAvgPool2dGrad", attrs, {n, shape[1], size[0], size[1]}));
      cases.back().tolerance = 1e-6;
    }
  }
  for (int i = 0; i < random_count() / 4; ++i) {
    PoolShape shape = random_pool(random);
    if (shape.stride_h > shape.kernel_h) shape.stride_h = shape.kernel_h;
    for (const bool average_too : {false, true}) {
      shape.average = average_too;
      cases.push_back(pool({n, 3, 9, 10}, shape));
      cases.push_back(pool_grad({n, 3, 9, 10}, shape));
    }
  }
  Attrs dim;
  dim.set("dim", int64_t{1});
  for (const char* op : {"Softmax", "LogSoftmax"}) {
    for (const Shape& shape : {Shape{n, 10}, Shape{n, 1}, Shape{n, 33}, Shape{n, 5, 3, 2}}) {
      Case c = unary(op, dim, shape);
      c.tolerance = 1e-5;
      cases.push_back(std::move(c));
    }
    Case c = binary(std::string(op) + "Grad", dim, {n, 17});
    c.tolerance = 1e-4;
    cases.push_back(std::move(c));
  }
  cases.push_back(unary("ReLU", {}, {n, 3, 5, 1}));
  cases.push_back(unary("ReLU", {}, {n, 17}));
  cases.push_back(binary("Add", {}, {n, 5, 3, 3}));
  cases.push_back(binary("Add", {}, {n, 40}));
  cases.push_back(broadcast("Mul", {n, 17, 5, 3}, {n, 17, 1, 1}));
  cases.push_back(broadcast("Mul", {n, 1, 1, 3}, {n, 33, 5, 1}));
  cases.push_back(broadcast("Sub", {n, 5, 3, 3}, {5, 1, 1}));
  cases.push_back(broadcast("Add", {n, 40}, {1, 1}));
  cases.push_back(broadcast("Add", {33}, {n, 2, 33}));
  for (const Shape& sum : {Shape{n, 17, 1, 1}, Shape{1, 17, 1, 1}, Shape{17, 1, 1}, Shape{3},
                           Shape{n, 1, 5, 3}, Shape{1, 17, 5, 3}, Shape{1}, Shape{n, 1, 1, 1}}) {
    cases.push_back(sum_to({n, 17, 5, 3}, sum, {}));
    cases.push_back(sum_to({n, 17, 5, 3}, sum, {17, 5, 1}));
  }
  cases.push_back(sum_to({n, 40}, {40}, {n, 40}));
  cases.push_back(sum_to({n, 2, 3, 5, 7}, {3, 1, 7}, {}));
  cases.push_back(binary("ReLUGrad", {}, {n, 33, 2, 2}));
  cases.push_back(dropout({n, 3, 4, 5}, 0.5));
  cases.push_back(dropout({n, 100}, 0.3));
  return cases;
}

TEST_CASE("training: kernels without an anchor") {
  for (const std::string& target : targets()) {
    const int64_t n = 2 * lanes_of(target);
    std::mt19937 random = generator("training plain", target);
    std::vector<Case> cases;
    for (Case& c : plain_cases(n, random)) cases.push_back(for_training(std::move(c)));
    Attrs sum, smooth;
    sum.set("reduction", std::string("sum"));
    smooth.set("label_smoothing", 0.1);
    for (const char* op : {"CrossEntropyLoss", "CrossEntropyLossGrad"}) {
      cases.push_back(for_training(loss(op, {}, n, 10, n)));
      cases.push_back(for_training(loss(op, {}, n, 10, n - 3)));
      cases.push_back(for_training(loss(op, sum, n, 3, 1)));
      cases.push_back(for_training(loss(op, smooth, n, 33, n - 1)));
      cases.push_back(for_training(loss(op, {}, n, 1, n)));
    }
    // Between the caller's layout and the kernels'.
    for (Case c : {padded_images(n - 1, n, {1, 7, 5}, n - 2), padded_images(n, n, {3, 4, 4}, n),
                   padded_images(1, n, {2, 3, 3}, 1)}) {
      c.output_layout = Layout::batch_innermost;
      cases.push_back(std::move(c));
    }
    Attrs rows;
    rows.set("rows", n - 1);
    for (const Shape& shape : {Shape{n, 10}, Shape{n, 3, 5, 5}}) {
      Case c = unary("CropBatch", rows, shape);
      c.input_layout = Layout::batch_innermost;
      cases.push_back(std::move(c));
    }
    check(std::move(cases), target);
  }
}

TEST_CASE("inference: convolutions") {
  for (const std::string& target : targets()) {
    std::vector<Case> cases;
    const std::vector<int64_t> batches = {1, 2, 3, 8};
    size_t k = 0;
    for (const ConvShape& s : awkward_convs()) {
      ConvShape shape = s;
      shape.batch = batches[k % batches.size()];
      shape.residual = k % 5 == 4;
      const Case c = conv_forward(shape);
      cases.push_back(for_inference(c, k % 3 == 0 ? kRowMajor : kChannelsLast,
                                    k % 4 == 3 ? kRowMajor : kChannelsLast));
      ++k;
    }
    // A parallel loop over rows, over images, over panels; a panel of one channel.
    cases.push_back(
        for_inference(conv_forward(conv("mb1ic40ih20oc33kh3ph1")), kChannelsLast, kChannelsLast));
    cases.push_back(for_inference(conv_forward(with_pool(conv("mb1ic32ih21oc32kh3ph1"), 2, 2)),
                                  kChannelsLast, kChannelsLast));
    cases.push_back(for_inference(conv_forward(with_pool(conv("mb8ic16ih9oc40kh3ph1"), 2, 2)),
                                  kChannelsLast, kRowMajor));
    cases.push_back(
        for_inference(conv_forward(conv("mb64ic17ih4oc33kh3ph1")), kChannelsLast, kChannelsLast));
    cases.push_back(
        for_inference(conv_forward(conv("mb3ic64ih7oc100kh7ph0")), kChannelsLast, kRowMajor));
    std::mt19937 random = generator("inference conv", target);
    for (int i = 0; i < 2 * random_count(); ++i) {
      const int64_t batch = batches[random() % batches.size()];
      ConvShape shape = random_conv(random, batch);
      const Layout in = random() % 3 == 0 ? kRowMajor : kChannelsLast;
      const Layout out = random() % 3 == 0 ? kRowMajor : kChannelsLast;
      cases.push_back(for_inference(conv_forward(shape), in, out));
    }
    check(std::move(cases), target);
  }
}

TEST_CASE("inference: Winograd's algorithm") {
  for (const std::string& target : targets()) {
    const std::vector<ConvShape> shapes = {
        conv("mb1ic32ih14oc32kh3ph1"),
        conv("mb2ic48ih16oc33kh3ph1"),
        with_pool(conv("mb1ic32ih14oc40kh3ph1"), 2, 2),
        with_pool(conv("mb3ic32ih16oc64kh3ph1"), 2, 2),
        with_pool(conv("mb1ic32ih16oc32kh3ph1"), 4, 4),
        with_pool(conv("mb1ic32ih18oc32kh3ph1"), 3, 3),
        conv("mb1ic64ih15iw29oc100kh3ph1"),
        conv("mb2ic32ih20oc32oh19ow20kh3ph0pw2"),
        conv("mb1ic64ih17oc64kh3ph0"),
        conv("mb1ic256ih7oc128kh3ph1"),  // smaller tiles
        conv("mb3ic128ih6oc136oh4ow6kh3ph0pw1"),
    };
    std::vector<Case> cases;
    for (size_t i = 0; i < shapes.size(); ++i) {
      ConvShape shape = shapes[i];
      shape.residual = i % 2 == 1;
      shape.relu = i % 3 != 0;
      cases.push_back(for_inference(conv_forward(shape), kChannelsLast, kChannelsLast));
    }
    check(cases, target);
    // Weights that a cache does not hold pass by once.
    cases.erase(cases.begin() + 5, cases.end());
    check(std::move(cases), target, Caches::small);
  }
}

// Small shapes in blocks, as large ones are on a real machine.
TEST_CASE("convolutions in blocks") {
  for (const std::string& target : targets()) {
    const int64_t lanes = lanes_of(target);
    std::mt19937 random = generator("blocks", target);
    std::vector<ConvShape> shapes = awkward_convs();
    shapes.push_back(conv("mb1ic6ih16oc20kh3ph1"));
    shapes.push_back(conv("mb1ic8ih16oc6kh3sh2ph1"));
    shapes.push_back(conv("mb1ic8ih15oc6kh3sh2ph1"));
    shapes.push_back(conv("mb1ic3ih16oc6kh7sh2ph3"));
    shapes.push_back(with_pool(conv("mb1ic8ih16oc40kh3ph1"), 2, 2));
    for (int i = 0; i < random_count(); ++i) shapes.push_back(random_conv(random, lanes));
    const std::vector<Update> updates = some_updates();
    std::vector<Case> cases;
    for (size_t i = 0; i < shapes.size(); ++i) {
      ConvShape shape = shapes[i];
      shape.batch = 1 + static_cast<int64_t>(i % 2);
      cases.push_back(for_inference(conv_forward(shape), kChannelsLast, kChannelsLast));
      shape.batch *= lanes;
      cases.push_back(for_training(conv_forward(shape)));
      cases.push_back(for_training(conv_input_grad(shape)));
      cases.push_back(for_training(conv_weight_grad(shape, updates[i % updates.size()])));
    }
    // More weights than the caches hold: with gaps between the images of a tile, and a small image.
    for (const std::string& text :
         {"mb" + std::to_string(4 * lanes) + "ic8ih10oc40kh3ph1",
          "mb" + std::to_string(lanes) + "ic" + std::to_string(320 / lanes) + "ih5oc27kh3ph1"}) {
      cases.push_back(for_training(conv_forward(conv(text))));
      cases.push_back(for_training(conv_input_grad(conv(text))));
    }
    check(std::move(cases), target, Caches::small);
  }
}

TEST_CASE("inference: linear layers") {
  for (const std::string& target : targets()) {
    const std::vector<LinearShape> shapes = {{1, 17, 10, true, true},   {1, 300, 129, true, false},
                                             {1, 1, 1, true, false},    {2, 33, 40, false, true},
                                             {3, 10, 17, true, false},  {8, 64, 33, true, true},
                                             {64, 100, 10, true, true}, {5, 7, 1, true, false},
                                             {64, 33, 64, true, true},  {1, 2000, 300, true, true}};
    std::vector<Case> cases;
    cases.reserve(shapes.size() + static_cast<size_t>(random_count()));
    for (const LinearShape& s : shapes) {
      cases.push_back(for_inference(linear_forward(s), kChannelsLast, kChannelsLast));
    }
    std::mt19937 random = generator("inference linear", target);
    for (int i = 0; i < random_count(); ++i) {
      const int64_t batch = 1 + static_cast<int64_t>(random() % 20);
      cases.push_back(for_inference(linear_forward(random_linear(random, batch)), kChannelsLast,
                                    kChannelsLast));
    }
    check(std::move(cases), target);
  }
}

TEST_CASE("inference: kernels without an anchor") {
  for (const std::string& target : targets()) {
    std::mt19937 random = generator("inference plain", target);
    std::vector<Case> cases;
    for (Case& c : plain_cases(3, random)) {
      const Layout in = random() % 3 == 0 ? kRowMajor : kChannelsLast;
      const Layout out = random() % 3 == 0 ? kRowMajor : kChannelsLast;
      cases.push_back(for_inference(std::move(c), in, out));
    }
    // Channels that are too few for a vector, on images that are wide enough for some.
    for (const Layout in : {kRowMajor, kChannelsLast}) {
      for (const Layout out : {kRowMajor, kChannelsLast}) {
        cases.push_back(for_inference(unary("ReLU", {}, {2, 3, 4, 37}), in, out));
        cases.push_back(for_inference(broadcast("Mul", {2, 2, 3, 16}, {2, 1, 1}), in, out));
      }
    }
    check(std::move(cases), target);
  }
}

TEST_CASE("NaN comes out where the reference has it") {
  for (const std::string& target : targets()) {
    const int64_t lanes = lanes_of(target);
    std::vector<Case> cases;
    for (ConvShape s : {with_pool(conv("mb1ic3ih8oc10kh3ph1"), 2, 2),
                        with_pool(conv("mb1ic16ih8oc33kh3ph1"), 2, 2)}) {
      s.batch = lanes;
      cases.push_back(for_training(conv_forward(s)));
      cases.push_back(for_inference(conv_forward(s), kRowMajor, kChannelsLast));
    }
    cases.push_back(for_training(pool({lanes, 3, 9, 9}, {3, 3, 2, 2, 1, 1, 1, 1, false})));
    cases.push_back(for_inference(pool({2, 17, 9, 9}, {3, 3, 2, 2, 1, 1, 1, 1, false}),
                                  kChannelsLast, kChannelsLast));
    cases.push_back(
        for_inference(linear_forward({3, 40, 33, true, true}), kChannelsLast, kChannelsLast));
    cases.push_back(for_training(linear_forward({lanes, 40, 33, true, true})));
    for (Case& c : cases) {
      c.has_nan = true;
      c.text += " with NaN";
    }
    check(std::move(cases), target);
  }
}

}  // namespace
}  // namespace cnnc::test
