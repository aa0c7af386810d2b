// A data set of image files: a folder for each class, with the images of the class in it.
//
//   flowers/train/daisy/1.jpg  flowers/train/rose/7.png   flowers/test/daisy/4.jpg ...
//
// The classes are numbered in the order of their names. `val` or `valid` may stand for `test`.
// Without train/ and test/, the classes lie in the folder itself, and of the images of each class,
// in the order of their names, every tenth is for testing: the 10th, the 20th and so on.
#pragma once
#include <string>

#include "tools/data/image_set.h"

namespace cnnc {

// Whether the folder has folders in it, as this kind of data set has.
[[nodiscard]] bool is_image_folder(const std::string& folder);

// Images are scaled to cover the network's input, whose channels are 1 or 3.
Result<DataSet> load_image_folder(const std::string& folder, const NetworkShape& network);

}  // namespace cnnc
