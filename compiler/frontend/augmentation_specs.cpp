// augmentation_specs: names, attributes and defaults of torchvision.transforms. Tested by
// tests/frontend/training_section_test.cpp.
#include "compiler/frontend/sections.h"

namespace cnnc {
namespace {

AttrSpec probability() {
  AttrSpec p;
  p.name = "p";
  p.kind = AttrKind::real;
  p.fallback = 0.5;
  p.least = 0;
  p.most = 1;
  p.doc = "probability with which an image is flipped";
  return p;
}

AttrSpec padding() {
  AttrSpec padding;
  padding.name = "padding";
  padding.fallback = int64_t{0};
  padding.least = 0;
  padding.most = 4096;
  padding.doc = "pixels around the image; the crop begins anywhere in them";
  return padding;
}

AttrSpec padding_mode() {
  AttrSpec mode;
  mode.name = "padding_mode";
  mode.kind = AttrKind::text;
  mode.choices = {"constant", "edge", "reflect"};
  mode.fallback = mode.choices[0];
  mode.doc = "what the padding is: zeros, the nearest pixel, or the image mirrored";
  return mode;
}

}  // namespace

const std::vector<AugmentationSpec>& augmentation_specs() {
  static const std::vector<AugmentationSpec> kSpecs = {
      {"RandomCrop",
       "Moves the image by up to padding pixels: a crop of the network's size from the padded "
       "image",
       {padding(), padding_mode()}},
      {"RandomHorizontalFlip", "Exchanges left and right", {probability()}},
      {"RandomVerticalFlip", "Exchanges top and bottom", {probability()}},
  };
  return kSpecs;
}

}  // namespace cnnc
