// Times of kernels: runtime/profile.c.
#include <catch2/catch.hpp>

#include "cnnc_runtime.h"

namespace {

constexpr const char* kFirst = "first";
constexpr const char* kSecond = "second";

void tell(const cnnc_context& context, const char* kernel, int step) {
  context.kernel_hook(&context, kernel, step, 0);
  context.kernel_hook(&context, kernel, step, 1);
}

TEST_CASE("a profile counts calls by kernel and step") {
  cnnc_kernel_time times[3];
  cnnc_profile profile;
  cnnc_profile_init(&profile, times, 3);
  cnnc_context context;
  cnnc_context_init(&context);
  CHECK(context.kernel_hook == nullptr);
  cnnc_context_use_profile(&context, &profile);
  for (int i = 0; i < 5; ++i) {
    tell(context, kFirst, 0);
    tell(context, kSecond, 1);
    tell(context, kFirst, 2);  // one kernel may run at several steps
  }
  REQUIRE(profile.count == 3);
  CHECK(times[0].kernel == kFirst);
  CHECK(times[1].kernel == kSecond);
  CHECK(times[2].kernel == kFirst);
  for (int i = 0; i < 3; ++i) {
    CHECK(times[i].step == i);
    CHECK(times[i].calls == 5);
  }
  CHECK(profile.lost == 0);
  tell(context, kSecond, 3);
  CHECK(profile.lost == 1);
  CHECK(profile.count == 3);
  cnnc_context_use_profile(&context, nullptr);
  CHECK(context.kernel_hook == nullptr);
}

}  // namespace
