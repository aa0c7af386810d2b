// What the rules choose, where no result would show it.
#include <algorithm>
#include <catch2/catch.hpp>

#include "schedules/schedule.h"

namespace cnnc {
namespace {

Problem weight_gradient(int64_t in, int64_t out, int64_t kernel, int64_t size, int64_t batch) {
  Problem p;
  p.family = "conv_weight_grad";
  p.n = out;
  p.c = in;
  p.h = p.w = kernel;
  p.reduce_c = batch;
  p.reduce_h = p.reduce_w = p.input_h = p.input_w = size;
  return p;
}

// Of 64 channels and 28x28 pixels, for inference of one image.
Problem convolution(int64_t kernel) {
  Problem p;
  p.family = "conv";
  p.vectors = VectorDimension::channel;
  p.c = p.reduce_c = 64;
  p.h = p.w = p.result_h = p.result_w = p.input_h = p.input_w = 28;
  p.reduce_h = p.reduce_w = kernel;
  p.winograd = true;
  return p;
}

}  // namespace

TEST_CASE("sums of weight gradients fit the stack, however many channels there are") {
  for (int64_t in : {1, 3, 64, 512, 1001, 1009, 2048, 4096}) {
    for (int64_t kernel : {1, 3, 7}) {
      for (int64_t out : {1, 10, 64, 1024}) {
        Problem p = weight_gradient(in, out, kernel, 14, 64);
        for (int64_t staged_row_bytes : {int64_t{0}, out * 14 * 4}) {
          p.staged_row_bytes = staged_row_bytes;
          const Params params = choose_conv_weight_grad(p);
          INFO(in << " to " << out << ", kernel " << kernel << ": " << to_string(params));
          const int64_t taps = kernel * kernel * 4;
          CHECK((params.block_n * in + params.block_c * params.b * p.machine.lanes) * taps <=
                1 << 20);
          CHECK(in % params.block_c == 0);
          CHECK(out % params.b == 0);
        }
      }
    }
  }
}

TEST_CASE("weights that meet in the cache get smaller tiles") {
  Problem p;
  p.family = "conv";
  p.vectors = VectorDimension::batch;
  p.machine.lanes = 8;
  p.n = 8;
  p.c = 512;
  p.h = p.w = p.result_h = p.result_w = p.input_h = p.input_w = 3;  // too few to copy weights for
  p.reduce_h = p.reduce_w = 3;
  p.padded = true;
  p.reduce_c = 500;  // rows of 18,000 bytes begin in 32 places of a page
  CHECK(choose(p).a > 16);
  p.reduce_c = 512;  // rows of 18,432 bytes, in two, each of eight lines
  CHECK(choose(p).a <= 14);
  p.transposed = true;  // neighbouring channels are neighbours in the weights
  CHECK(choose(p).a > 16);
  p.transposed = false;
  p.h = p.w = p.result_h = p.result_w = p.input_h = p.input_w = 7;  // copied weights do not meet
  CHECK(choose(p).packs_weights);
  CHECK(choose(p).a > 16);
}

TEST_CASE("Winograd's algorithm is for large 3x3 convolutions with stride 1") {
  Problem p;
  p.family = "conv";
  p.vectors = VectorDimension::channel;
  p.winograd = true;
  p.c = p.reduce_c = 64;
  p.h = p.w = p.result_h = p.result_w = p.input_h = p.input_w = 28;
  p.reduce_h = p.reduce_w = 3;
  CHECK(choose(p).schedule == "winograd");
  CHECK(choose(p).rows > 0);
  Problem wide = p;
  wide.c = wide.reduce_c = 256;
  CHECK(choose(wide).schedule == "winograd");
  CHECK(choose(wide).rows == 0);  // more weights than the cache holds pass by once
  CHECK(choose(wide).tile == 4);
  wide.machine.lanes = 8;
  wide.machine.registers = 16;
  wide.c = wide.reduce_c = 512;
  wide.h = wide.w = wide.result_h = wide.result_w = wide.input_h = wide.input_w = 7;
  CHECK(choose(wide).schedule == "winograd");
  CHECK(choose(wide).tile == 2);  // half as many weights
  for (const auto& change :
       {+[](Problem& q) { q.winograd = false; }, +[](Problem& q) { q.stride_w = 2; },
        +[](Problem& q) { q.dilation_h = 2; }, +[](Problem& q) { q.reduce_w = 5; },
        +[](Problem& q) { q.reduce_c = 16; }, +[](Problem& q) { q.groups = 2; }}) {
    Problem changed = p;
    change(changed);
    CHECK(choose(changed).schedule != "winograd");
  }
}

TEST_CASE("Winograd's algorithm is for training, too") {
  Problem p = convolution(3);
  p.vectors = VectorDimension::batch;
  p.n = 32;
  CHECK(choose(p).schedule == "winograd_batch");
  p.transposed = true;
  CHECK(choose(p).schedule == "winograd_batch");
  for (const auto& change :
       {+[](Problem& q) { q.winograd = false; }, +[](Problem& q) { q.stride_w = 2; },
        +[](Problem& q) { q.window_h = q.window_w = 2; }, +[](Problem& q) { q.reduce_c = 3; },
        +[](Problem& q) { q.groups = 2; }, +[](Problem& q) { q.staged_row_bytes = 64; }}) {
    Problem changed = p;
    change(changed);
    CHECK(choose(changed).schedule == "conv_batch");
  }
  Problem gradient = weight_gradient(64, 64, 3, 28, 32);
  CHECK(choose(gradient).schedule == "conv_weight_grad");
  gradient.winograd = true;
  CHECK(choose(gradient).schedule == "winograd_weight_grad");
  CHECK(choose(gradient).stages_input);  // the sums stay in the cache
  gradient.c = gradient.n = 128;
  CHECK_FALSE(choose(gradient).stages_input);
}

TEST_CASE("tiles of Winograd's algorithm fit the registers and fill the channels") {
  Problem p = convolution(3);
  p.vectors = VectorDimension::batch;
  p.n = 64;
  Problem gradient = weight_gradient(64, 64, 3, 28, 32);
  gradient.winograd = true;
  for (const int registers : {16, 32}) {
    p.machine.registers = gradient.machine.registers = registers;
    for (const int64_t channels : {16, 33, 64, 96, 128, 160, 512}) {
      p.c = p.reduce_c = gradient.n = channels;
      for (const Problem& problem : {p, gradient}) {
        const Params params = choose(problem);
        if (params.schedule.rfind("winograd", 0) != 0) continue;
        CAPTURE(registers, channels, params.schedule, params.a, params.b);
        CHECK(params.a * params.b + params.b + 1 <= registers);
        const int64_t tiles = (channels + params.a - 1) / params.a;
        CHECK(tiles * params.a * 8 <= channels * 9);  // little is computed in vain
      }
    }
  }
}

TEST_CASE("transforms of large batches of large images are kept in blocks") {
  Problem p = convolution(3);
  p.vectors = VectorDimension::batch;
  p.n = 64;
  p.c = p.reduce_c = 128;
  CHECK(choose(p).columns > 0);
  p.c = p.reduce_c = 160;  // too many weights to pass by for each block
  CHECK(choose(p).columns == 0);
  p.h = p.w = p.result_h = p.result_w = p.input_h = p.input_w = 224;
  CHECK(choose(p).schedule == "winograd_batch");
  CHECK(choose(p).columns > 0);
  Problem gradient = weight_gradient(128, 128, 3, 28, 64);
  gradient.winograd = true;
  CHECK_FALSE(choose(gradient).stages_input);
  gradient.reduce_h = gradient.reduce_w = gradient.input_h = gradient.input_w = 224;
  // A block of so many channels does not fit the stack: the sum is direct.
  CHECK(choose(gradient).schedule == "conv_weight_grad");
  gradient.c = gradient.n = 48;
  CHECK(choose(gradient).schedule == "winograd_weight_grad");
  CHECK(choose(gradient).stages_input);
}

TEST_CASE("blocks of a strided convolution with one tap count the pixels that it reads") {
  Problem p = convolution(1);
  p.machine.l2_bytes = 1 << 19;
  p.reduce_c = 1024;
  p.c = 2048;
  const int64_t row_bytes = 28 * 1024 * 4;
  const Params dense = choose(p);
  CHECK(dense.rows > 0);
  CHECK(dense.rows * row_bytes <= p.machine.l2_bytes / 2);
  // Every other pixel of every other row of an image of twice the size.
  p.stride_h = p.stride_w = 2;
  p.input_h = p.input_w = 56;
  CHECK(choose(p).rows == dense.rows);
  // Rows of the result are pooled from two.
  p.window_h = p.window_w = 2;
  p.result_h = p.result_w = 14;
  CHECK(choose(p).rows * 2 * row_bytes <= p.machine.l2_bytes / 2);
}

TEST_CASE("two threads share blocks of rows evenly") {
  Problem p = convolution(1);
  p.machine.l2_bytes = 1 << 19;
  p.c = 1024;
  p.w = p.result_w = p.input_w = 56;
  for (int64_t channels = 64; channels <= 1024; channels += 64) {
    p.reduce_c = channels;
    for (const int64_t rows : {56, 112, 224}) {
      p.h = p.result_h = p.input_h = rows;
      const Params params = choose(p);
      if (params.rows == 0) continue;
      CAPTURE(channels, rows, params.rows);
      const int64_t blocks = (rows + params.rows - 1) / params.rows;
      // Many small blocks even out.
      CHECK((blocks % 2 == 0 || params.rows <= rows / 8));
    }
  }
}

TEST_CASE("a search tries convolutions with and without Winograd's algorithm") {
  for (const VectorDimension vectors : {VectorDimension::batch, VectorDimension::channel}) {
    Problem p = convolution(3);
    p.vectors = vectors;
    p.n = vectors == VectorDimension::batch ? 32 : 1;
    const Params winograd = choose(p);
    p.winograd = false;
    const Params direct = choose(p);
    p.winograd = true;
    for (const auto& [from, to] : {std::pair{winograd, direct}, std::pair{direct, winograd}}) {
      const std::vector<Params> around = neighbours(p, from);
      const std::string& wanted = to.schedule;
      CHECK(std::any_of(around.begin(), around.end(),
                        [&](const Params& each) { return each.schedule == wanted; }));
    }
  }
}

TEST_CASE("what a rule chooses is possible, and so are its neighbours") {
  std::vector<Problem> problems = {weight_gradient(32, 64, 3, 14, 64),
                                   weight_gradient(1, 8, 3, 28, 32),
                                   weight_gradient(32, 96, 1, 14, 32)};
  Problem depthwise = weight_gradient(1, 48, 3, 14, 32);
  depthwise.groups = 48;
  depthwise.padded = true;
  problems.push_back(depthwise);
  Problem p = convolution(3);
  p.padded = true;
  problems.push_back(p);
  p.vectors = VectorDimension::batch;
  p.n = 64;
  problems.push_back(p);
  Problem other = p;
  other.c = other.reduce_c = 256;
  problems.push_back(other);
  other.winograd = false;
  problems.push_back(other);
  for (const int64_t channels : {32, 128}) {
    problems.push_back(weight_gradient(channels, channels, 3, 14, 64));
    problems.back().winograd = true;
  }
  p.vectors = VectorDimension::channel;
  p.n = 1;
  p.winograd = false;
  problems.push_back(p);
  p.family = "linear";
  p.rank = 2;
  p.h = p.w = p.result_h = p.result_w = p.input_h = p.input_w = p.reduce_h = p.reduce_w = 1;
  p.reduce_c = 3136;
  problems.push_back(p);
  p.family = "linear_weight_grad";
  p.vectors = VectorDimension::batch;
  p.n = 512;
  problems.push_back(p);
  for (const int64_t rank : {2, 3, 4}) {
    for (const VectorDimension vectors : {VectorDimension::batch, VectorDimension::channel}) {
      Problem product;
      product.family = "product";
      product.vectors = vectors;
      product.rank = rank;
      product.n = 32;
      product.c = 24;
      product.h = rank > 2 ? 20 : 1;
      product.w = rank > 3 ? 12 : 1;
      product.reduce_c = 64;
      problems.push_back(product);
    }
  }
  for (const Problem& each : problems) {
    const Params rule = choose(each);
    INFO(to_string(each) << ": " << to_string(rule));
    CHECK(obstacle(each, rule).empty());
    CHECK(completed(each, rule).tasks == rule.tasks);
    CHECK(completed(each, rule).scratch == rule.scratch);
    CHECK(unrolled(each, rule) >= 1);
    const std::vector<Params> around = neighbours(each, rule);
    CHECK(around.size() >= 2);
    for (const Params& neighbour : around) {
      INFO(to_string(neighbour));
      CHECK(obstacle(each, neighbour).empty());
    }
  }
}

TEST_CASE("Params that cannot compute a problem are told from those that can") {
  const Problem p = convolution(1);
  const Params params = choose(p);
  REQUIRE(params.schedule == "conv_channel");
  CHECK(obstacle(p, params).empty());
  for (const auto& change :
       {+[](Params& q) { q.schedule = "conv_bach"; }, +[](Params& q) { q.schedule = "conv_batch"; },
        +[](Params& q) { q.schedule = "winograd"; }, +[](Params& q) { q.a = 0; },
        +[](Params& q) { q.a = 29; }, +[](Params& q) { q.b = 5; }, +[](Params& q) { q.rows = -1; },
        +[](Params& q) { q.rows = 29; }, +[](Params& q) { q.columns = 2; },
        +[](Params& q) { q.stages_input = true; }, +[](Params& q) { q.block_n = 1; }}) {
    Params changed = params;
    change(changed);
    INFO(to_string(changed));
    CHECK_FALSE(obstacle(p, changed).empty());
  }
}

TEST_CASE("simpler schedules unroll less and less, down to the generic one") {
  const Problem p = convolution(3);
  const Params params = choose(p);
  REQUIRE(params.schedule == "winograd");
  const std::vector<Params> others = simpler(p, params);
  REQUIRE(others.size() == 2);
  CHECK(unrolled(p, others[0]) < unrolled(p, params));
  CHECK(unrolled(p, others[1]) < unrolled(p, others[0]));
  CHECK(others[1].schedule == "generic");
  CHECK(simpler(p, others[1]).empty());
}

TEST_CASE("tiles of transposed convolutions are whole strides and fit the registers") {
  for (int registers : {16, 32}) {
    for (int64_t stride : {2, 3, 4}) {
      for (int64_t width : {1, 3, 28, 57}) {
        Problem p = convolution(4);
        p.transposed = true;
        p.machine.registers = registers;
        p.stride_h = p.stride_w = stride;
        p.w = p.result_w = width;
        const Params params = choose(p);
        INFO(to_string(params) << " of " << width << " columns, stride " << stride);
        CHECK(params.schedule == "conv_channel");
        CHECK(obstacle(p, params).empty());
        CHECK((params.a % stride == 0 || params.a == width));
        CHECK(params.a * params.b + params.b + 1 <= registers);
      }
    }
  }
}

TEST_CASE("pooling has several chains of sums in registers") {
  Problem p;
  p.family = "window";
  p.vectors = VectorDimension::channel;
  p.h = p.w = 1;
  p.input_h = p.input_w = p.reduce_h = p.reduce_w = 7;
  for (int64_t channels : {1, 17, 64, 512, 2048, 1280}) {
    p.c = channels;
    const Params params = choose(p);
    INFO(to_string(params) << " of " << channels << " channels");
    CHECK(params.schedule == "window");
    CHECK(obstacle(p, params).empty());
    CHECK(params.b == (channels == 17 ? 2 : std::min<int64_t>(8, (channels + 15) / 16)));
  }
  p.c = 64;
  p.w = 14;
  CHECK(choose(p).a == 2);
  CHECK(choose(p).b == 4);
}

}  // namespace cnnc
