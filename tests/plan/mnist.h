// The MNIST CNN as a training graph: what the driver builds, for tests of passes and plans.
#pragma once
#include <string>
#include <vector>

#include "compiler/graph/graph.h"
#include "compiler/passes/passes.h"

namespace cnnc::test {

struct Network {
  Graph graph;
  ValueId loss = kNoValue;
  ValueId scores = kNoValue;
  std::vector<ValueId> parameters;

  ValueId layer(const std::string& op, const std::string& name, const Attrs& attrs,
                const std::vector<ValueId>& inputs) {
    const size_t before = graph.values.size();
    const ValueId result = (*graph.try_add(*find_op(op), name, attrs, inputs))[0];
    for (size_t id = before; id < graph.values.size(); ++id) {
      if (graph.values[id].kind == ValueKind::parameter) {
        parameters.push_back(static_cast<ValueId>(id));
      }
    }
    return result;
  }
};

inline Attrs conv_attrs(int64_t channels) {
  Attrs attrs;
  attrs.set("out_channels", channels);
  attrs.set("kernel_size", std::vector<int64_t>{3, 3});
  attrs.set("padding", std::vector<int64_t>{1, 1, 1, 1});
  return attrs;
}

inline Attrs pool_attrs() {
  Attrs attrs;
  attrs.set("kernel_size", std::vector<int64_t>{2, 2});
  return attrs;
}

inline Attrs linear_attrs(int64_t features) {
  Attrs attrs;
  attrs.set("out_features", features);
  return attrs;
}

// Forward and loss; the images are normalised already.
inline Network mnist_forward(int64_t batch) {
  Network net;
  net.graph.name = "mnist";
  const ValueId x = net.graph.add_input("images", Type{DType::f32, {batch, 1, 28, 28}});
  const ValueId labels = net.graph.add_input("labels", Type{DType::i32, {batch}});
  ValueId v = net.layer("Conv2d", "conv1", conv_attrs(32), {x});
  v = net.layer("ReLU", "relu1", {}, {v});
  v = net.layer("MaxPool2d", "pool1", pool_attrs(), {v});
  v = net.layer("Conv2d", "conv2", conv_attrs(64), {v});
  v = net.layer("ReLU", "relu2", {}, {v});
  v = net.layer("MaxPool2d", "pool2", pool_attrs(), {v});
  v = net.layer("Flatten", "flatten", {}, {v});
  v = net.layer("Linear", "fc1", linear_attrs(1024), {v});
  v = net.layer("ReLU", "relu3", {}, {v});
  v = net.layer("Linear", "fc2", linear_attrs(512), {v});
  v = net.layer("ReLU", "relu4", {}, {v});
  net.scores = net.layer("Linear", "fc3", linear_attrs(10), {v});
  net.loss = net.layer("CrossEntropyLoss", "loss", {}, {net.scores, labels});
  net.graph.outputs = {net.loss};
  return net;
}

// The whole step: forward, backward, update.
inline Graph training_graph(Network net, double momentum = 0.9) {
  const ValueId lr = net.graph.add_input("lr", Type{DType::f32, {1}});
  const ValueId step = net.graph.add_input("step", Type{DType::i32, {1}});
  Graph graph = move_monotone_below_maximum(std::move(net.graph));
  graph = move_elementwise_above_views(std::move(graph));
  Gradients gradients = *differentiate(std::move(graph), net.loss, net.parameters);
  Attrs attrs;
  attrs.set("momentum", momentum);
  graph = add_optimizer(std::move(gradients.graph), *find_op("SGD"), attrs, net.parameters,
                        gradients.of, lr, step);
  graph = sum_before_spreading(std::move(graph));
  graph = move_elementwise_above_views(std::move(graph));
  graph = clone_cheap_gathers(std::move(graph));
  return eliminate_dead(std::move(graph));
}

}  // namespace cnnc::test
