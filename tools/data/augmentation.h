// Random changes of training images, as torchvision.transforms has them.
//
// What is drawn for an image depends on the seed, the epoch and the place of the image in the
// epoch, and on nothing else: neither on threads nor on whether the training was interrupted.
#pragma once
#include <cstdint>
#include <vector>

#include "tools/data/batches.h"
#include "tools/data/image_set.h"

namespace cnnc {

struct AugmentationStep {
  enum class Kind { crop, horizontal_flip, vertical_flip };
  // What stands in the padding around an image that is cropped.
  enum class Padding { constant, edge, reflect };

  Kind kind = Kind::crop;
  int64_t padding = 0;  // pixels on each side
  Padding mode = Padding::constant;
  double probability = 0.5;
};

struct Augmentation {
  std::vector<AugmentationStep> steps;
  // What labels of pixels in padding are; no class, for losses that ignore it.
  int32_t label_of_padding = -100;
};

// Changes one image of a batch in place. `scratch` is reused.
class Augmenter {
 public:
  // `set` must outlive this, for its sizes.
  Augmenter(const ImageSet& set, const Augmentation& augmentation)
      : set_(set), augmentation_(augmentation) {}

  // The image at `place` of the epoch that `shuffle` says.
  void apply(Shuffle shuffle, int64_t place, float* image, int32_t* labels);

 private:
  void move(const std::vector<int64_t>& rows, const std::vector<int64_t>& columns, float* image,
            int32_t* labels);

  const ImageSet& set_;
  const Augmentation& augmentation_;
  std::vector<float> floats_;
  std::vector<int32_t> labels_;
};

}  // namespace cnnc
