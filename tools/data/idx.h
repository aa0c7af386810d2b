// Labelled images in IDX files, the format of MNIST and its kin, plain or compressed with gzip.
//
// An IDX file is a big-endian magic number 0x0000TTDD (TT the element type, DD the number of
// dimensions), DD extents of 32 bits, and the elements. Read here: bytes (TT = 08) as labels [N]
// and images [N, H, W] or [N, C, H, W]. A file must have exactly the size that its extents give.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "compiler/support/result.h"
#include "tools/data/image_set.h"

namespace cnnc {

// The images of a file; `labels` stays empty.
Result<ImageSet> read_idx_images(const std::string& path);
Result<std::vector<int32_t>> read_idx_labels(const std::string& path);

// The images and labels of one split: train-images-idx3-ubyte and train-labels-idx1-ubyte, or
// t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, each as it is or with ".gz".
Result<ImageSet> load_mnist_folder(const std::string& folder, Split split);

}  // namespace cnnc
