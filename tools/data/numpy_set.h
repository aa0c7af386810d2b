// Data sets in NumPy's files: x_train, y_train, x_test and y_test, in one .npz file (numpy.savez,
// compressed or not) or as four .npy files in a folder.
//
// Images are [N, C, H, W], [N, H, W, C] (as the network's input tells), [N, H, W] or [N, F]: bytes
// from 0 to 255, which count as 0 to 1, or floats, which the network gets as they are. Labels are
// integers or bytes: [N] or [N, 1], or [N, H, W] where each pixel has one.
#pragma once
#include <string>

#include "tools/data/image_set.h"

namespace cnnc {

// Whether the folder holds x_train.npy.
[[nodiscard]] bool is_numpy_folder(const std::string& folder);
Result<DataSet> load_numpy_folder(const std::string& folder, const NetworkShape& network);
Result<DataSet> load_npz(const std::string& path, const NetworkShape& network);

}  // namespace cnnc
