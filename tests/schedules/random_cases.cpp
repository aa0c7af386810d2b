// The space of shapes.
#include <algorithm>

#include "tests/schedules/cases.h"

namespace cnnc::test {
namespace {

constexpr int64_t kMostProducts = 3000000;

int64_t between(std::mt19937& random, int64_t least, int64_t most) {
  return least + static_cast<int64_t>(random() % static_cast<uint32_t>(most - least + 1));
}

int64_t one_of(std::mt19937& random, const std::vector<int64_t>& list) {
  return list[random() % list.size()];
}

bool happens(std::mt19937& random, double probability) {
  return static_cast<double>(random() % 1000) < probability * 1000;
}

ConvShape draw_conv(std::mt19937& random, int64_t batch) {
  ConvShape s;
  s.batch = batch;
  const std::vector<int64_t> channels = {1, 2, 3, 4, 5, 8, 10, 16, 17, 24, 32, 33, 40, 64};
  s.in = one_of(random, channels);
  s.out = one_of(random, channels);
  if (happens(random, 0.3)) {
    s.groups = one_of(random, {2, 3, 4});
    s.in = s.groups * between(random, 1, 6);
    s.out = s.groups * between(random, 1, 6);
  }
  if (happens(random, 0.2)) {  // depthwise, sometimes with several outputs per input
    s.groups = s.in = one_of(random, {3, 8, 10, 16, 17, 33});
    s.out = s.in * (happens(random, 0.3) ? 2 : 1);
  }
  s.height = between(random, 1, 15);
  s.width = happens(random, 0.5) ? s.height : between(random, 1, 15);
  const std::vector<int64_t> kernels = {1, 1, 2, 3, 3, 3, 4, 5, 7};
  s.kernel_h = one_of(random, kernels);
  s.kernel_w = happens(random, 0.7) ? s.kernel_h : one_of(random, kernels);
  if (happens(random, 0.3)) s.stride_h = s.stride_w = between(random, 2, 3);
  if (happens(random, 0.1)) s.stride_w = between(random, 1, 4);
  if (happens(random, 0.2)) s.dilation_h = s.dilation_w = between(random, 2, 3);
  if (happens(random, 0.6)) {
    s.top = s.bottom = s.kernel_h / 2 * s.dilation_h;
    s.left = s.right = s.kernel_w / 2 * s.dilation_w;
  }
  if (happens(random, 0.2)) {
    s.top = between(random, 0, 3);
    s.left = between(random, 0, 3);
    s.bottom = between(random, 0, 3);
    s.right = between(random, 0, 3);
  }
  s.bias = happens(random, 0.7);
  s.relu = happens(random, 0.6);
  s.residual = happens(random, 0.2);
  if (happens(random, 0.4)) {
    s.pool.kernel_h = between(random, 1, 3);
    s.pool.kernel_w = happens(random, 0.7) ? s.pool.kernel_h : between(random, 1, 3);
    if (happens(random, 0.2)) s.pool.stride_h = s.pool.stride_w = 3;
  }
  return s;
}

bool is_usable(const ConvShape& s) {
  const int64_t room_h = s.height + s.top + s.bottom - (s.kernel_h - 1) * s.dilation_h - 1;
  const int64_t room_w = s.width + s.left + s.right - (s.kernel_w - 1) * s.dilation_w - 1;
  if (room_h < 0 || room_w < 0) return false;
  if (s.pool.kernel_h > s.out_h() || s.pool.kernel_w > s.out_w()) return false;
  return s.batch * s.out * s.out_h() * s.out_w() * s.in / s.groups * s.kernel_h * s.kernel_w <
         kMostProducts;
}

}  // namespace

ConvShape random_conv(std::mt19937& random, int64_t batch) {
  for (;;) {
    const ConvShape s = draw_conv(random, batch);
    if (is_usable(s)) return s;
  }
}

LinearShape random_linear(std::mt19937& random, int64_t batch) {
  const std::vector<int64_t> features = {1,  2,  3,  5,  7,  8,  10,  16,
                                         17, 31, 32, 33, 40, 64, 100, 129};
  LinearShape s;
  s.batch = batch;
  s.in = happens(random, 0.5) ? one_of(random, features) : between(random, 1, 300);
  s.out = happens(random, 0.5) ? one_of(random, features) : between(random, 1, 300);
  s.bias = happens(random, 0.7);
  s.relu = happens(random, 0.5);
  return s;
}

PoolShape random_pool(std::mt19937& random) {
  PoolShape s;
  s.kernel_h = between(random, 1, 4);
  s.kernel_w = between(random, 1, 4);
  s.stride_h = between(random, 1, 4);
  s.stride_w = between(random, 1, 4);
  s.pad_h = between(random, 0, s.kernel_h / 2);
  s.pad_w = between(random, 0, s.kernel_w / 2);
  s.dilation_h = happens(random, 0.2) ? 2 : 1;
  s.dilation_w = happens(random, 0.2) ? 2 : 1;
  s.ceil_mode = happens(random, 0.4);
  return s;
}

Update random_update(std::mt19937& random) {
  Update update;
  update.present = happens(random, 0.8);
  update.momentum = happens(random, 0.7) ? 0.5 : 0;
  update.weight_decay = happens(random, 0.4) ? 0.25 : 0;
  update.nesterov = update.momentum > 0 && happens(random, 0.3);
  update.dampening = update.momentum > 0 && !update.nesterov && happens(random, 0.3) ? 0.5 : 0;
  update.step = happens(random, 0.3) ? 0 : 3;
  return update;
}

}  // namespace cnnc::test
