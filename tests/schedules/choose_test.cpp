// What the rules choose, where no result would show it.
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

TEST_CASE("Winograd's algorithm is for large 3x3 convolutions with stride 1") {
  Problem p;
  p.family = "conv";
  p.vectors = VectorDimension::channel;
  p.winograd = true;
  p.c = p.reduce_c = 64;
  p.h = p.w = p.result_h = p.result_w = p.input_h = p.input_w = 28;
  p.reduce_h = p.reduce_w = 3;
  CHECK(choose(p).schedule == "winograd");
  for (const auto& change :
       {+[](Problem& q) { q.winograd = false; }, +[](Problem& q) { q.stride_w = 2; },
        +[](Problem& q) { q.dilation_h = 2; }, +[](Problem& q) { q.reduce_w = 5; },
        +[](Problem& q) { q.h = 7; }, +[](Problem& q) { q.reduce_c = 16; },
        +[](Problem& q) { q.groups = 2; }}) {
    Problem changed = p;
    change(changed);
    CHECK(choose(changed).schedule != "winograd");
  }
}

}  // namespace cnnc
