// Random crops and flips: what they do to images, to labels of pixels, and how they are drawn.
#include "tools/data/augmentation.h"

#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <vector>

namespace cnnc {
namespace {

using Floats = std::vector<float>;
using Kind = AugmentationStep::Kind;
using Padding = AugmentationStep::Padding;

ImageSet of_size(int64_t height, int64_t width, int64_t label_size = 1) {
  ImageSet set;
  set.channels = 1;
  set.height = height;
  set.width = width;
  set.label_size = label_size;
  return set;
}

Floats changed(const ImageSet& set, const AugmentationStep& step, Floats image, int64_t place) {
  Augmentation augmentation;
  augmentation.steps = {step};
  Augmenter(set, augmentation).apply({1, 2}, place, image.data(), nullptr);
  return image;
}

// How often each result comes out of 400 images.
std::map<Floats, int> results(const ImageSet& set, const AugmentationStep& step,
                              const Floats& image) {
  std::map<Floats, int> found;
  for (int64_t place = 0; place < 400; ++place) ++found[changed(set, step, image, place)];
  return found;
}

TEST_CASE("flips exchange left and right or top and bottom", "[data]") {
  const ImageSet set = of_size(2, 3);
  const Floats image = {1, 2, 3, 4, 5, 6};
  const Floats mirrored = {3, 2, 1, 6, 5, 4};
  const Floats upside_down = {4, 5, 6, 1, 2, 3};
  for (const auto& [kind, flipped] :
       {std::pair{Kind::horizontal_flip, mirrored}, {Kind::vertical_flip, upside_down}}) {
    CHECK(changed(set, {kind, 0, Padding::constant, 1}, image, 0) == flipped);
    CHECK(changed(set, {kind, 0, Padding::constant, 0}, image, 0) == image);
    const std::map<Floats, int> found = results(set, {kind, 0, Padding::constant, 0.25}, image);
    CHECK(found.size() == 2);
    CHECK(found.at(image) > 260);  // 300 expected; 4.6 sigma
    CHECK(found.at(image) < 340);
    CHECK(found.count(flipped) == 1);
  }
}

TEST_CASE("crops begin anywhere in the padding", "[data]") {
  const ImageSet set = of_size(1, 3);
  const Floats image = {1, 2, 3};
  const auto of = [&](Padding mode) {
    std::set<Floats> keys;
    // No row but the image's own: the padding above and below is left out.
    for (const auto& [each, count] : results(set, {Kind::crop, 2, mode, 0}, image)) {
      if (each != Floats{0, 0, 0}) keys.insert(each);
      CHECK(count > 5);
    }
    return keys;
  };
  CHECK(of(Padding::constant) ==
        std::set<Floats>{{1, 2, 3}, {2, 3, 0}, {3, 0, 0}, {0, 1, 2}, {0, 0, 1}});
  CHECK(of(Padding::edge) ==
        std::set<Floats>{{1, 2, 3}, {2, 3, 3}, {3, 3, 3}, {1, 1, 2}, {1, 1, 1}});
  CHECK(of(Padding::reflect) ==
        std::set<Floats>{{1, 2, 3}, {2, 3, 2}, {3, 2, 1}, {2, 1, 2}, {3, 2, 1}});
  CHECK(changed(set, {Kind::crop, 0, Padding::constant, 0}, image, 0) == image);
}

TEST_CASE("every channel and the labels of pixels move alike", "[data]") {
  ImageSet set = of_size(4, 4, 16);
  set.channels = 2;
  Augmentation augmentation;
  augmentation.steps = {{Kind::crop, 1, Padding::constant, 0},
                        {Kind::horizontal_flip, 0, Padding::constant, 0.5},
                        {Kind::vertical_flip, 0, Padding::constant, 0.5}};
  augmentation.label_of_padding = -7;
  Augmenter augmenter(set, augmentation);
  for (int64_t place = 0; place < 50; ++place) {
    Floats image(32);
    std::vector<int32_t> labels(16);
    for (int32_t i = 0; i < 16; ++i) {
      labels[i] = i + 1;
      image[i] = static_cast<float>(i + 1);
      image[16 + i] = static_cast<float>(2 * i + 2);
    }
    augmenter.apply({3, 0}, place, image.data(), labels.data());
    for (int i = 0; i < 16; ++i) {
      const bool is_padding = labels[i] == -7;
      CHECK(image[i] == (is_padding ? 0.0F : static_cast<float>(labels[i])));
      CHECK(image[16 + i] == 2 * image[i]);
    }
  }
}

TEST_CASE("what is drawn depends on seed, epoch and place alone", "[data]") {
  const ImageSet set = of_size(6, 6);
  Augmentation augmentation;
  augmentation.steps = {{Kind::crop, 6, Padding::reflect, 0}};
  Floats original(36);
  for (int i = 0; i < 36; ++i) original[i] = static_cast<float>(i);
  const auto drawn = [&](Shuffle shuffle, int64_t place) {
    Floats image = original;
    Augmenter(set, augmentation).apply(shuffle, place, image.data(), nullptr);
    return image;
  };
  CHECK(drawn({1, 2}, 3) == drawn({1, 2}, 3));
  std::set<Floats> different;
  for (uint64_t seed = 0; seed < 3; ++seed) {
    for (int64_t epoch = 0; epoch < 3; ++epoch) {
      for (int64_t place = 0; place < 3; ++place) different.insert(drawn({seed, epoch}, place));
    }
  }
  CHECK(different.size() > 15);  // of 27, among 121 crops of which some look alike
}

}  // namespace
}  // namespace cnnc
