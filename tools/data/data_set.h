// Data sets of any kind, from what a user says after --data.
#pragma once
#include <string>

#include "tools/data/image_set.h"

namespace cnnc {

// `where` is one of
//   a folder with MNIST's four IDX files, or others of their names and form
//   a folder with CIFAR-10's or CIFAR-100's binary files
//   a folder with x_train.npy, y_train.npy, x_test.npy and y_test.npy, or one .npz file with them
//   a folder of folders with PNG and JPEG images, one for each class
//   synthetic, or synthetic: and options (tools/data/synthetic.h)
// and what a folder is is told by what it holds.
Result<DataSet> load_data_set(const std::string& where, const NetworkShape& network);

}  // namespace cnnc
