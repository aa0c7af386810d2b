// CIFAR-10 and CIFAR-100 in their binary version.
//
// Each record is one byte for the label (CIFAR-100: two, the coarse and the fine label, of which
// the fine one counts) and 3072 bytes of pixels: 32 x 32, the red plane first.
#pragma once
#include <string>

#include "tools/data/image_set.h"

namespace cnnc {

// Whether the folder has the files of one of the two.
[[nodiscard]] bool is_cifar_folder(const std::string& folder);

// data_batch_1.bin to data_batch_5.bin and test_batch.bin, or train.bin and test.bin. Of the first
// kind as many training files as there are, from 1 on.
Result<DataSet> load_cifar_folder(const std::string& folder);

}  // namespace cnnc
