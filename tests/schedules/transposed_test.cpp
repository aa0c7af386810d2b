// Transposed convolutions in both layouts, on every target that this machine runs; the environment
// is that of kernels_test.cpp.
#include <catch2/catch.hpp>

#include "tests/schedules/groups.h"

namespace cnnc::test {
namespace {

// Transposed convolutions, as the convolutions whose input they compute.
std::vector<ConvShape> transposed_convs() {
  std::vector<ConvShape> list = {
      conv("mb1ic33ih10oc17kh2sh2ph0"),  // upsampling: one tap meets each output
      conv("mb1ic16ih12oc24kh4sh2ph1"),  // two on each axis
      conv("mb1ic40ih11oc8kh3sh2ph1"),   // one or two
      conv("mb1ic20ih9iw13oc5kh3sh3ph1"),   conv("mb1ic6ih13oc6kh5sh3ph2"),
      conv("mb1ic17ih8oc33kh3ph1"),
      conv("mb1ic5ih9oc3kh1sh2ph0"),  // gaps
      conv("mb1ic3ih7oc20kh3sh2ph1dh1"),    conv("mb1ic10ih9oc4kh9sh4ph3"),
      conv("g17mb1ic17ih8oc17kh4sh2ph1"),   conv("g2mb1ic6ih6oc10kh3sh2ph1"),
      conv("mb1ic9ih2iw1oc5kh2kw1sh2ph0"),
      conv("mb1ic64ih16oc32kh3ph1"),  // Winograd's algorithm is for others
      conv("mb1ic64ih30oc32oh15kh3sh2ph0"),
  };
  list.push_back(with_pool(conv("mb1ic16ih8oc8kh4sh2ph1"), 2, 2));
  for (size_t i = 0; i < list.size(); ++i) {
    list[i].relu |= i % 2 == 0;
    list[i].residual = i % 5 == 3;
    list[i].bias = i % 4 != 1;
  }
  return list;
}

}  // namespace

TEST_CASE("transposed convolutions") {
  for (const std::string& target : targets()) {
    const int64_t lanes = lanes_of(target);
    std::mt19937 random = generator("transposed", target);
    std::vector<ConvShape> shapes = transposed_convs();
    for (int i = 0; i < random_count(); ++i) {
      ConvShape shape = random_conv(random, 1);
      shape.pool = {};
      shapes.push_back(shape);
    }
    std::vector<Case> cases;
    for (size_t i = 0; i < shapes.size(); ++i) {
      ConvShape shape = shapes[i];
      shape.batch = 1 + static_cast<int64_t>(i % 3);
      cases.push_back(for_inference(conv_transpose(shape), i % 3 == 0 ? kRowMajor : kChannelsLast,
                                    i % 4 == 3 ? kRowMajor : kChannelsLast));
      shape.batch = lanes * static_cast<int64_t>(i % 4 + 1);
      cases.push_back(for_training(conv_transpose(shape)));
    }
    check(cases, target);
    check(std::move(cases), target, Caches::small);
  }
}

}  // namespace cnnc::test
