// Tested by tests/tools/augmentation_test.cpp.
#include "tools/data/augmentation.h"

#include <algorithm>

#include "tools/data/random.h"

namespace cnnc {
namespace {

constexpr int64_t kOutside = -1;
// Sets these numbers apart from others of the same seed.
constexpr uint64_t kStream = 0x617567;

// Where the element at `i`, which may lie outside 0..size-1, comes from.
int64_t source_of(int64_t i, int64_t size, AugmentationStep::Padding mode) {
  if (i >= 0 && i < size) return i;
  switch (mode) {
    case AugmentationStep::Padding::constant:
      return kOutside;
    case AugmentationStep::Padding::edge:
      return std::clamp<int64_t>(i, 0, size - 1);
    case AugmentationStep::Padding::reflect:
      break;
  }
  const int64_t period = std::max<int64_t>(1, 2 * (size - 1));
  const int64_t phase = (i % period + period) % period;
  return std::min(phase, period - phase);
}

// Composes: element i of the result is what `indices` had at `first` + i * `step`.
void select(std::vector<int64_t>& indices, int64_t first, int64_t step,
            AugmentationStep::Padding mode) {
  const std::vector<int64_t> before = indices;
  const auto size = static_cast<int64_t>(before.size());
  for (int64_t i = 0; i < size; ++i) {
    const int64_t at = source_of(first + i * step, size, mode);
    indices[i] = at == kOutside ? kOutside : before[at];
  }
}

std::vector<int64_t> all(int64_t size) {
  std::vector<int64_t> indices(static_cast<size_t>(size));
  for (int64_t i = 0; i < size; ++i) indices[static_cast<size_t>(i)] = i;
  return indices;
}

template <class T>
void gather(const std::vector<int64_t>& rows, const std::vector<int64_t>& columns, T outside,
            T* plane, std::vector<T>& scratch) {
  const size_t area = rows.size() * columns.size();
  scratch.assign(plane, plane + area);
  for (const int64_t row : rows) {
    for (const int64_t column : columns) {
      *plane++ =
          row == kOutside || column == kOutside
              ? outside
              : scratch[static_cast<size_t>(row) * columns.size() + static_cast<size_t>(column)];
    }
  }
}

}  // namespace

void Augmenter::apply(Shuffle shuffle, int64_t place, float* image, int32_t* labels) {
  std::mt19937_64 engine = engine_of(
      {shuffle.seed, static_cast<uint64_t>(shuffle.epoch), static_cast<uint64_t>(place), kStream});
  std::vector<int64_t> rows = all(set_.height);
  std::vector<int64_t> columns = all(set_.width);
  for (const AugmentationStep& step : augmentation_.steps) {
    switch (step.kind) {
      case AugmentationStep::Kind::crop: {
        const auto places = static_cast<uint64_t>(2 * step.padding + 1);
        const auto down = static_cast<int64_t>(draw_below(engine, places)) - step.padding;
        const auto right = static_cast<int64_t>(draw_below(engine, places)) - step.padding;
        select(rows, down, 1, step.mode);
        select(columns, right, 1, step.mode);
        break;
      }
      case AugmentationStep::Kind::horizontal_flip:
        if (draw_unit(engine) >= step.probability) break;
        select(columns, set_.width - 1, -1, step.mode);
        break;
      case AugmentationStep::Kind::vertical_flip:
        if (draw_unit(engine) >= step.probability) break;
        select(rows, set_.height - 1, -1, step.mode);
        break;
    }
  }
  move(rows, columns, image, labels);
}

void Augmenter::move(const std::vector<int64_t>& rows, const std::vector<int64_t>& columns,
                     float* image, int32_t* labels) {
  const int64_t area = set_.height * set_.width;
  for (int64_t c = 0; c < set_.channels; ++c) {
    gather(rows, columns, 0.0F, image + c * area, floats_);
  }
  if (set_.label_size == area && area > 1 && labels != nullptr) {
    gather(rows, columns, augmentation_.label_of_padding, labels, labels_);
  }
}

}  // namespace cnnc
