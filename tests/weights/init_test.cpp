// Initial weights against those that PyTorch draws for the MNIST network with seed 0.
#include "compiler/weights/init.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

namespace cnnc {
namespace {

struct Expected {
  const char* name;
  int64_t fan_in;
  int64_t count;
  uint64_t hash;  // FNV-1a of the floats' bytes
  float first;
  float middle;  // the one at count / 2
  float last;
};

// torch.manual_seed(0), then Conv2d(1, 32, 3), Conv2d(32, 64, 3), Linear(3136, 1024),
// Linear(1024, 512), Linear(512, 10).
constexpr Expected kMnist[] = {
    {"conv1.weight", 9, 288, 0xbcbc2ef38cb3c4f5, -0.0024956069F, -0.299440503F, 0.0981851444F},
    {"conv1.bias", 9, 32, 0xf1b775fee1b13f90, -0.0762254F, 0.065460287F, 0.0261259489F},
    {"conv2.weight", 288, 18432, 0xeaf6b7f3ce1c7d0b, 0.00492214086F, 0.0192164965F, -0.0232766438F},
    {"conv2.bias", 288, 64, 0x3b5f342c5456bd32, 0.00592838274F, -0.0209955648F, 0.0326680019F},
    {"fc1.weight", 3136, 3211264, 0xdf3b813e0165006f, -0.00703064259F, -0.00993618648F,
     0.00139661995F},
    {"fc1.bias", 3136, 1024, 0xa2c9ab2a7a5e480d, -0.00898935553F, -0.00499279378F, -0.0118258093F},
    {"fc2.weight", 1024, 524288, 0xa0f6b465b84522f4, -0.0310238339F, 0.00274952501F,
     -0.0275618732F},
    {"fc2.bias", 1024, 512, 0x055977aaa61b3f1d, 0.0258897208F, -0.0196979903F, -0.0208898745F},
    {"fc3.weight", 512, 5120, 0x34e2a20119292bfc, -0.00474922778F, -0.0027984716F, -0.0276008844F},
    {"fc3.bias", 512, 10, 0x895356e68bb69b69, -0.022779854F, 0.0146839833F, 0.0279704705F},
};

uint64_t fnv1a(const std::vector<float>& values) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const float value : values) {
    uint8_t bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    for (const uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001b3;
  }
  return hash;
}

TEST_CASE("the MNIST network starts with PyTorch's weights, bit for bit", "[weights]") {
  InitGenerator generator(0);
  for (const Expected& expected : kMnist) {
    INFO(expected.name);
    const bool is_weight = std::string(expected.name).find("weight") != std::string::npos;
    const float bound =
        is_weight ? weight_init_bound(expected.fan_in) : bias_init_bound(expected.fan_in);
    std::vector<float> values(expected.count);
    uniform_(generator, -bound, bound, values.data(), expected.count);
    CHECK(values.front() == expected.first);
    CHECK(values[expected.count / 2] == expected.middle);
    CHECK(values.back() == expected.last);
    CHECK(fnv1a(values) == expected.hash);
  }
}

TEST_CASE("the generator is the standard Mersenne Twister, seeded with 32 bits", "[weights]") {
  InitGenerator generator(5489);
  uint32_t last = 0;
  for (int i = 0; i < 10000; ++i) last = generator.draw();
  CHECK(last == 4123659995);  // the standard's own check value
  CHECK(InitGenerator((uint64_t{1} << 32) + 7).draw() == InitGenerator(7).draw());
  CHECK(InitGenerator(0).draw() != InitGenerator(1).draw());
}

TEST_CASE("drawing stays within its bounds and goes on where it stopped", "[weights]") {
  std::vector<float> at_once(1000);
  InitGenerator first(3);
  uniform_(first, -0.5F, 0.25F, at_once.data(), 1000);
  std::vector<float> in_parts(1000);
  InitGenerator second(3);
  uniform_(second, -0.5F, 0.25F, in_parts.data(), 1);
  uniform_(second, -0.5F, 0.25F, in_parts.data() + 1, 0);
  uniform_(second, -0.5F, 0.25F, in_parts.data() + 1, 999);
  CHECK(at_once == in_parts);
  for (const float value : at_once) {
    CHECK(value >= -0.5F);
    CHECK(value <= 0.25F);
  }
}

TEST_CASE("the bounds follow the number of inputs", "[weights]") {
  CHECK(bias_init_bound(4) == 0.5F);
  CHECK(bias_init_bound(9) == static_cast<float>(1.0 / 3.0));
  // sqrt(3) * sqrt(2/6) is 1 but for rounding.
  for (const int64_t fan_in : {1, 9, 288, 3136, 100000}) {
    CHECK(std::abs(weight_init_bound(fan_in) / bias_init_bound(fan_in) - 1) < 1e-6);
  }
}

}  // namespace
}  // namespace cnnc
