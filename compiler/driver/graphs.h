// From a description to the graphs that are compiled: the table of contents of the middle of the
// compiler.
#pragma once
#include "compiler/frontend/model.h"
#include "compiler/graph/graph.h"
#include "compiler/passes/passes.h"
#include "compiler/weights/safetensors.h"

namespace cnnc {

// Names of the inputs of the training graphs.
inline constexpr const char* kImages = "images";  // f32[batch, ...]
// Classes, i32[batch] or, for an output [batch, C, H, W], i32[batch, 1, H, W]; or values, of the
// output's type: as the loss takes them.
inline constexpr const char* kTarget = "target";
inline constexpr const char* kCount = "count";  // i32[1]: images that count; the rest is padding
inline constexpr const char* kLearningRate = "lr";  // f32[1]
inline constexpr const char* kStep = "step";        // i32[1]: from 0
inline constexpr const char* kSeed = "seed";        // i32[1]: of dropout

// A network as inference computes it. With constants, what layers do to each channel is folded into
// them: they are looked up there, and new ones added.
[[nodiscard]] Graph simplify_inference(Graph graph, ConstantTable* constants = nullptr);

// Inference with the batch given; one input, one output. Weights are checked.
Result<Graph> inference_graph(const ModelDescription& model, int64_t batch,
                              const TensorFile* weights = nullptr,
                              ConstantTable* constants = nullptr);

// One training step: forward, loss, gradients, updates. Inputs: images, target, count, lr, step,
// seed. Output of the caller: the loss, f32[1]. Inside, the batch is padded to a multiple
// of `lanes` with images that count for nothing.
Result<Graph> training_graph(const ModelDescription& model, int64_t lanes);

// Inputs: images, target, count. Outputs: the network's output [batch, ...] and the loss, f32[1].
Result<Graph> evaluation_graph(const ModelDescription& model, int64_t lanes);

// Whether there are values for every parameter of the graph, by name, with the shapes that it
// wants.
Status check_weights(const Graph& graph, const TensorFile& weights);

}  // namespace cnnc
