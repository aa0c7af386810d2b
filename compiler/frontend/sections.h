// The keys of a description that no op record defines. Parser and schema both read them.
#pragma once
#include <string>
#include <vector>

#include "compiler/graph/attributes.h"
#include "compiler/graph/op.h"

namespace cnnc {

inline constexpr int64_t kFormatVersion = 1;
inline constexpr size_t kLongestName = 64;
inline constexpr const char* kNamePattern = "^[A-Za-z][A-Za-z0-9_]*$";
// Names of layers may have dots, as PyTorch's have.
inline constexpr size_t kLongestLayerName = 128;
inline constexpr const char* kLayerNamePattern = "^[A-Za-z0-9_]+(\\.[A-Za-z0-9_]+)*$";

[[nodiscard]] const std::vector<std::string>& top_level_keys();
// Of a block, and of a use of one among the layers.
[[nodiscard]] const std::vector<std::string>& block_keys();
[[nodiscard]] const std::vector<std::string>& block_use_keys();
// "repeat" and "first" of a use.
[[nodiscard]] const std::vector<AttrSpec>& block_use_specs();
// "mean" and "std" of "input".
[[nodiscard]] const std::vector<AttrSpec>& input_specs();
[[nodiscard]] const std::vector<AttrSpec>& training_specs();

// A type of "lr_scheduler".
struct LrSchedulerSpec {
  std::string name;  // PyTorch's
  std::string doc;
  std::vector<AttrSpec> attrs;
  bool per_step = false;  // unless "interval" says otherwise
};
[[nodiscard]] const std::vector<LrSchedulerSpec>& lr_scheduler_specs();
// SequentialLR has "schedulers", a list of others, and "milestones" between them.
inline constexpr const char* kSequentialLr = "SequentialLR";

// A type of "augmentation".
struct AugmentationSpec {
  std::string name;  // torchvision's
  std::string doc;
  std::vector<AttrSpec> attrs;
};
[[nodiscard]] const std::vector<AugmentationSpec>& augmentation_specs();

// The ops that may stand somewhere, in the order of ops.def.
[[nodiscard]] std::vector<const OpDef*> ops_of_role(OpRole role);
[[nodiscard]] std::vector<std::string> names_of_role(OpRole role);

// How many inputs a description gives a layer of that op; no upper limit where `most` is negative.
struct InputCount {
  int64_t least = 0;
  int64_t most = 0;
};
[[nodiscard]] InputCount input_count(const OpDef& op);

}  // namespace cnnc
