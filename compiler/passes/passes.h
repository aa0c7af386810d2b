// Graph passes: each turns a graph into an equal one that is better in one respect.
//
// A pass asks traits, never names. It leaves the nodes in an order in which they can run, gives a
// graph for which verify() finds nothing if it was given one, and keeps the ids of the graph's
// inputs and outputs. Nodes that a rewrite leaves without use stay until eliminate_dead.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "compiler/graph/graph.h"

namespace cnnc {

// Puts the ops that compute a layer in its place, where it has an `expand`. Outputs of the graph
// among its results become those of the ops.
[[nodiscard]] Graph expand_layers(Graph graph);

// View(View(x)) -> View(x), or x itself where that is what the second view makes of it again.
[[nodiscard]] Graph join_views(Graph graph);

// Removes kTrainingOnly nodes: in inference their first input is their result.
[[nodiscard]] Graph drop_training_only(Graph graph);

// Replaces nodes that kernels do not compute as they are by those that OpDef::decompose makes.
// After differentiate: their gradients are rules of their own.
[[nodiscard]] Graph decompose_nodes(Graph graph);

// Gives each kTrainingOnly node `seed` as its last input and a number of its own as "stream", so
// that each draws other random numbers. Before differentiate, so that gradients draw the same.
[[nodiscard]] Graph seed_training_only(Graph graph, ValueId seed);

// Gives kBatchStatistics nodes the statistics of their input over the images that `count` says, in
// place of running averages, and, given `step`, updates the averages: outputs of the graph. Without
// `step`, only nodes that have no running averages. Before differentiate.
[[nodiscard]] Graph use_batch_statistics(Graph graph, ValueId count, ValueId step = kNoValue);

// The elements of parameters by name; those that a pass made stay where they are.
class ConstantTable {
 public:
  using Lookup = std::function<const float*(const std::string& name)>;
  explicit ConstantTable(Lookup given) : given_(std::move(given)) {}
  // Null: there is none of that name.
  [[nodiscard]] const float* find(const std::string& name) const;
  // Of a name that is new.
  void add(const std::string& name, std::vector<float> elements);
  [[nodiscard]] bool has_made(const std::string& name) const { return made_.count(name) > 0; }

 private:
  Lookup given_;
  std::map<std::string, std::vector<float>> made_;
};

// Affine(Linear(x)), per channel, where nobody else reads Linear(x), becomes Linear(x) with other
// weights; other affine layers become one multiplication and one addition. The new parameters,
// computed in double, are added to the table, unless they are there: of the same network for
// another batch. Inference only.
[[nodiscard]] Graph fold_affine(Graph graph, ConstantTable& constants);

// Maximum(Monotone(x)) -> Monotone(Maximum(x)), where nobody else reads Monotone(x): the monotone
// node sees fewer elements, and its gradient needs no saved input of that size. Which element is
// the maximum (further outputs) may change only among those that the monotone node makes equal.
[[nodiscard]] Graph move_monotone_below_maximum(Graph graph);

// Elementwise(View(a), b...) -> View(Elementwise(a, View^-1(b)...)), where nobody else reads `a` or
// its view: the elementwise node comes next to the node that computes `a` and can join its kernel.
// All inputs of the elementwise node have its output's shape or one element. The inverse view of a
// `b` is what `b` is a view of, a view of `b` that is there already, or one like a view that is
// there. For layouts in which views are free.
[[nodiscard]] Graph move_elementwise_above_views(Graph graph);

struct Gradients {
  Graph graph;
  std::vector<ValueId> of;  // per value asked for; kNoValue if nothing depends on it
};

// Appends what computes the gradient of `loss`, the first output of a node whose role is loss, with
// respect to each of `wrt`. Fails where a node on the way has no gradient rule, naming its layer.
[[nodiscard]] Result<Gradients> differentiate(Graph graph, ValueId loss,
                                              const std::vector<ValueId>& wrt);

// The same for any outputs, given the gradient of each of them (values of the graph of the same
// types): the product of that vector with the Jacobian.
[[nodiscard]] Result<Gradients> differentiate(Graph graph, const std::vector<ValueId>& outputs,
                                              const std::vector<ValueId>& output_gradients,
                                              const std::vector<ValueId>& wrt);

// Appends an update of each parameter that has a gradient, as a node of `optimizer` whose inputs
// are parameter, its states, gradient, learning rate and step, and whose output k overwrites input
// k. States (values "<parameter>.<state>", such as conv1.weight.momentum_buffer) are made as
// OpDef::parameters lists them. Parameter i is updated with a "weight_decay" of 0 where
// undecayed[i]. The updates are outputs of the graph, and so stay alive.
[[nodiscard]] Graph add_optimizer(Graph graph, const OpDef& optimizer, const Attrs& attrs,
                                  const std::vector<ValueId>& parameters,
                                  const std::vector<ValueId>& gradients, ValueId learning_rate,
                                  ValueId step, const std::vector<bool>& undecayed = {});

// Limits gradients as PyTorch's clip_grad_value_ and clip_grad_norm_ do, in this order; 0: no
// limit. `gradients` become the limited ones. The norm is that of all of them together, so that no
// update can begin before all gradients are known.
[[nodiscard]] Graph clip_gradients(Graph graph, std::vector<ValueId>& gradients, double most_value,
                                   double most_norm);

// Which parameters of a forward graph a list of patterns names: "bias" those called so, "norm" all
// of layers whose parameters have one dimension, such as BatchNorm2d's; others the names that they
// match, with * for any characters.
[[nodiscard]] std::vector<bool> parameters_named(const Graph& graph,
                                                 const std::vector<ValueId>& parameters,
                                                 const std::vector<std::string>& patterns);

// ChannelSum(SumPreserving(x)) -> ChannelSum(x): a bias gradient needs no gradient of a pool.
[[nodiscard]] Graph sum_before_spreading(Graph graph);

// Gives each anchor that stages its input 0 a copy of its own of a cheap gather that only such
// anchors read, so that the copies can join the anchors' kernels and need no memory.
[[nodiscard]] Graph clone_cheap_gathers(Graph graph);

// Linear(Flatten(image)) -> Flatten(Conv2d(image)) with a window as large as the image: layouts in
// which flattening would move elements need no copy. Inference only: the weights' type changes.
[[nodiscard]] Graph fold_flatten(Graph graph);

// The network's only input, built for `rows` images, becomes PadBatch of a new input `images` of
// `batch` images and an input `count`, i32[1]: how many of them count.
[[nodiscard]] Graph pad_batch(Graph graph, int64_t batch, int64_t rows, const std::string& images,
                              const std::string& count);

// The layers that may not read a padded batch: those that depend on an input of the graph and are
// kMixesBatch, as errors.
[[nodiscard]] Diagnostics mixes_of_batch(const Graph& graph);

// For networks with one input and one output, what a caller hands over and gets:
// * pixels as bytes, from 0 to 255, in place of floats from 0 to 1;
[[nodiscard]] Graph take_bytes(Graph graph);
// * images [N, H, W, C] in place of [N, C, H, W];
[[nodiscard]] Graph take_channels_last(Graph graph);
// * probabilities: the softmax of the output along its channels, unless that is what it is;
[[nodiscard]] Graph give_probabilities(Graph graph);
// * the greatest channel, i32.
[[nodiscard]] Graph give_class(Graph graph);

// Keeps the nodes that the graph's outputs need, in-place updates among them. Inputs, parameters
// and states stay.
[[nodiscard]] Graph eliminate_dead(Graph graph);

}  // namespace cnnc
