// What the end-to-end tests share: networks from text, loaded objects, and what the reference
// functions of the ops make of a network.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "cnnc/cnnc.h"
#include "cnnc_runtime.h"
#include "compiler/codegen/jit.h"
#include "compiler/frontend/model.h"
#include "compiler/reference/interpreter.h"
#include "compiler/weights/safetensors.h"

namespace cnnc::test {

// The network that a description gives; a failure is the test's.
[[nodiscard]] Model model_of(const std::string& json);
// One of the repo's own, "mnist_cnn".
[[nodiscard]] Model repo_model(const std::string& name);

// The number that the header defines as <PREFIX>_<name>.
[[nodiscard]] int64_t number_in_header(const Object& object, const std::string& name);

// Floats in [0, 1), the same for the same seed.
[[nodiscard]] std::vector<float> random_floats(int64_t count, uint32_t seed);
// Class numbers in [0, classes).
[[nodiscard]] std::vector<int32_t> random_labels(int64_t count, int64_t classes, uint32_t seed);

// An object in this process.
class LoadedNetwork {
 public:
  explicit LoadedNetwork(const Object& object);

  // Bytes that the workspace needs, as the header says.
  [[nodiscard]] int64_t workspace_bytes() const { return workspace_bytes_; }
  [[nodiscard]] int64_t input_size() const { return input_size_; }    // elements of an image
  [[nodiscard]] int64_t output_size() const { return output_size_; }  // ... and of its result
  [[nodiscard]] uint64_t build_id() const { return build_id_; }
  // The entry itself, as the header calls it.
  int run(const cnnc_context* context, const void* input, void* output, size_t images,
          void* workspace, size_t workspace_bytes) const;
  int run_as(uint64_t build_id, const cnnc_context* context, const void* input, void* output,
             size_t images, void* workspace, size_t workspace_bytes) const;
  // Of all images in `input`, with a workspace made for the call; none after an error. On any
  // thread.
  [[nodiscard]] std::vector<float> outputs(const std::vector<float>& input,
                                           const cnnc_context* context = nullptr) const;

 private:
  LoadedObject object_;
  void* run_ = nullptr;
  uint64_t build_id_ = 0;
  int64_t input_size_ = 0;
  int64_t output_size_ = 0;
  int64_t workspace_bytes_ = 0;
};

// The network's outputs for `batch` images, computed in double without any pass.
[[nodiscard]] std::vector<double> reference_outputs(const Model& model, const TensorFile& weights,
                                                    const std::vector<float>& images,
                                                    int64_t batch);
// The mean cross entropy of outputs [count, classes].
[[nodiscard]] double cross_entropy(const std::vector<double>& outputs,
                                   const std::vector<int32_t>& labels);
// The numbers of a tensor.
[[nodiscard]] ReferenceTensor reference_tensor(const Tensor& tensor);

// The greatest distance, each relative to the larger of 1 and the wanted value.
[[nodiscard]] double distance(const std::vector<float>& found, const std::vector<double>& wanted);
[[nodiscard]] double distance(const std::vector<float>& found, const std::vector<float>& wanted);

// Objects that tests compile are kept in a folder of this process, not in the user's.
void use_own_cache();

}  // namespace cnnc::test
