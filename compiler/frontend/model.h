// The front end: from a description of a network (docs/format.md) to its graph.
//
// A ModelDescription is the text with every default, name and number in normal form; each part
// knows its place in the file. Which layers exist and what attributes they take is up to the op
// records alone. Shapes are judged by build_graph, where the batch is known.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "compiler/graph/graph.h"
#include "compiler/graph/network_source.h"

namespace cnnc {

// Where something stands in the description.
struct Place {
  Span span;
  std::string pointer;  // JSON pointer
};

// A use of a block, whose layers stand in its place.
struct BlockUse {
  std::string block;
  std::string name;  // of the use or its copy; empty: it has none
  Place place;
};
// For messages: in "layer1.0", a use of block "basic".
[[nodiscard]] std::string use_text(const BlockUse& use);

struct LayerDescription {
  std::string name;
  const OpDef* op = nullptr;
  Attrs attrs;                      // as given; defaults are set when the node is made
  std::vector<std::string> inputs;  // see output_name.h; of layers, or kNetworkInput
  Place place;
  std::map<std::string, Place> attr_places;  // of the attributes given
  std::vector<BlockUse> uses;                // of the blocks that it is part of, innermost first
};

// How the learning rate changes: a type of lr_scheduler_specs().
struct LrSchedulerDescription {
  std::string type;       // empty: it does not
  Attrs attrs;            // with defaults
  bool per_step = false;  // else per epoch
  // Of SequentialLR: each begins at its milestone, the first at 0.
  std::vector<LrSchedulerDescription> schedulers;
  Place place;
};

// A random change of training images: a type of augmentation_specs().
struct AugmentationDescription {
  std::string type;
  Attrs attrs;  // with defaults
  Place place;
};

// A tensor has fewer than 2^31 elements.
inline constexpr int64_t kMostElements = (int64_t{1} << 31) - 1;

// The name of the network's input. No layer can have it.
inline constexpr const char* kNetworkInput = "input";

struct ModelDescription {
  std::shared_ptr<const Source> source;
  std::string name;

  Shape input_shape;  // without the batch: [C, H, W], [F], ...
  Place input_place;
  // The input is normalised as (x - mean) / std; one number for all channels or one for each.
  // Both are empty where the description gives neither.
  std::vector<double> mean;
  std::vector<double> std;

  // Where it is not described layer by layer: where it comes from.
  std::shared_ptr<const NetworkSource> network;
  std::vector<LayerDescription> layers;  // each after the layers that it reads
  std::string output;                    // the name of the layer listed last

  // Null op where the description has none.
  LayerDescription loss;
  LayerDescription optimizer;
  std::vector<std::string> weight_decay_exclude;  // patterns of names, see parameters_named()
  Place weight_decay_exclude_place;
  int64_t batch_size = 64;
  int64_t epochs = 1;
  double clip_grad_norm = 0;  // 0: not limited
  double clip_grad_value = 0;
  LrSchedulerDescription lr_scheduler;
  std::vector<AugmentationDescription> augmentation;  // one after the other

  std::string weights;  // path, or empty
  Place weights_place;

  // Whether Winograd's algorithm may be used where it is faster; "winograd" is "auto" then.
  bool winograd = true;

  Diagnostics warnings;
};

[[nodiscard]] Result<ModelDescription> parse_model(const std::shared_ptr<const Source>& source);
[[nodiscard]] Result<ModelDescription> load_model(const std::string& path);

// The graph of inference: value "input" f32[batch, ...], its normalisation if there is one, the
// layers; its output is the first output of the layer listed last.
[[nodiscard]] Result<Graph> build_graph(const ModelDescription& model, int64_t batch);

}  // namespace cnnc
