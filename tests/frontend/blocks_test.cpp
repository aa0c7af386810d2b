// Blocks: what they become, and what is remarkable about them.
#include <catch2/catch.hpp>
#include <string>

#include "compiler/frontend/model.h"

namespace cnnc {
namespace {

// A description whose blocks are on lines of their own from line 2 on.
std::string described(const std::string& blocks, const std::string& layers) {
  return R"({"cnnc": 1, "name": "net", "input": {"shape": [3, 8, 8]}, "blocks": {)"
         "\n" +
         blocks + "\n}, \"layers\": [\n" + layers + "\n]}\n";
}

ModelDescription parsed(const std::string& blocks, const std::string& layers) {
  Result<ModelDescription> model =
      parse_model(std::make_shared<Source>(Source{"m.json", described(blocks, layers)}));
  INFO(render(model.diagnostics()));
  REQUIRE(model.ok());
  return *model;
}

std::string names(const ModelDescription& model) {
  std::string text;
  for (const LayerDescription& layer : model.layers) {
    text += layer.name + "(";
    for (const std::string& input : layer.inputs) text += (text.back() == '(' ? "" : ",") + input;
    text += ") ";
  }
  return text;
}

const LayerDescription& layer(const ModelDescription& model, const std::string& name) {
  for (const LayerDescription& each : model.layers) {
    if (each.name == name) return each;
  }
  FAIL("no layer " << name);
  return model.layers[0];
}

constexpr const char* kResidual =
    R"("basic": {"parameters": ["channels"], "defaults": {"kernel": 3},
  "layers": [
    {"type": "Conv2d", "name": "conv", "out_channels": "$channels", "kernel_size": ["$kernel", 1]},
    {"type": "ReLU"},
    {"type": "ReLU"},
    {"type": "Add", "inputs": ["relu_2", "input"]}]})";

TEST_CASE("a use of a block is its layers, with its name before theirs", "[frontend]") {
  const ModelDescription model = parsed(kResidual, R"(
      {"type": "ReLU", "name": "stem"},
      {"block": "basic", "name": "a", "with": {"channels": 3}},
      {"type": "ReLU"},
      {"type": "Add", "inputs": ["a", "a.relu_1"]})");
  CHECK(names(model) ==
        "stem(input) a.conv(stem) a.relu_1(a.conv) a.relu_2(a.relu_1) a.add_1(a.relu_2,stem) "
        "relu_2(a.add_1) add_1(a.add_1,a.relu_1) ");
  CHECK(model.output == "add_1");
  CHECK(layer(model, "a.conv").attrs.integer("out_channels") == 3);
  CHECK(layer(model, "a.conv").attrs.integers("kernel_size") == std::vector<int64_t>{3, 1});
}

TEST_CASE("copies follow each other", "[frontend]") {
  const ModelDescription model = parsed(R"("r": {"layers": [{"type": "ReLU"}]})", R"(
      {"block": "r", "name": "a", "repeat": 2},
      {"block": "r", "name": "a", "repeat": 2, "first": 2},
      {"block": "r", "name": "b", "repeat": 1, "inputs": ["a.0"]},
      {"block": "r"},
      {"type": "Add", "inputs": ["a.3", "b.0"]},
      {"block": "r"},
      {"block": "r", "name": "end"})");
  CHECK(names(model) ==
        "a.0.relu_1(input) a.1.relu_1(a.0.relu_1) a.2.relu_1(a.1.relu_1) a.3.relu_1(a.2.relu_1) "
        "b.0.relu_1(a.0.relu_1) relu_1(b.0.relu_1) add_1(a.3.relu_1,b.0.relu_1) relu_2(add_1) "
        "end.relu_1(relu_2) ");
  CHECK(model.output == "end.relu_1");
}

TEST_CASE("blocks have inputs and use blocks", "[frontend]") {
  const ModelDescription model = parsed(R"(
      "inner": {"layers": [{"type": "ReLU", "name": "0"}, {"type": "ReLU", "name": "1"}]},
      "two": {"inputs": ["left", "right"], "layers": [
        {"block": "inner", "name": "x"},
        {"block": "inner", "name": "y", "inputs": ["right"]},
        {"type": "Add", "name": "sum", "inputs": ["x", "y"]}]},
      "outer": {"inputs": ["a", "b"], "layers": [
        {"block": "two", "name": "one", "inputs": ["b", "more.0"]},
        {"block": "two", "name": "more", "inputs": ["a", "a"], "repeat": 1}]})",
                                        R"(
      {"type": "ReLU", "name": "p"},
      {"type": "ReLU", "name": "q"},
      {"block": "outer", "name": "t", "inputs": ["input", "q"]},
      {"type": "Add", "inputs": ["t.one", "t.more.0.y.0"]})");
  CHECK(names(model) ==
        "p(input) q(p) "
        "t.one.x.0(q) t.one.x.1(t.one.x.0) "
        "t.more.0.x.0(input) t.more.0.x.1(t.more.0.x.0) "
        "t.more.0.y.0(input) t.more.0.y.1(t.more.0.y.0) "
        "t.more.0.sum(t.more.0.x.1,t.more.0.y.1) "
        "t.one.y.0(t.more.0.sum) t.one.y.1(t.one.y.0) t.one.sum(t.one.x.1,t.one.y.1) "
        "add_1(t.one.sum,t.more.0.y.0) ");
}

TEST_CASE("inputs of blocks have the outputs of what they get", "[frontend]") {
  const ModelDescription model = parsed(R"(
      "inner": {"inputs": ["x"], "layers": [{"type": "ReLU", "inputs": ["x[1]"]}]},
      "outer": {"layers": [
        {"block": "inner", "name": "in", "inputs": ["input"]},
        {"type": "ReLU", "name": "out", "inputs": ["input[2]"]}]})",
                                        R"(
      {"type": "Split", "name": "parts", "split_size_or_sections": 1},
      {"block": "outer", "name": "a"},
      {"block": "outer", "name": "b", "inputs": ["parts"]})");
  CHECK(names(model) ==
        "parts(input) a.in.relu_1(parts[1]) a.out(parts[2]) b.in.relu_1(parts[1]) "
        "b.out(parts[2]) ");
}

TEST_CASE("arguments pass through blocks and may be of any kind", "[frontend]") {
  const ModelDescription model = parsed(R"(
      "conv": {"parameters": ["n", "act"], "defaults": {"bias": false, "name": "c", "copies": 1},
        "layers": [{"type": "Conv2d", "name": "$name", "out_channels": "$n", "bias": "$bias",
                    "kernel_size": 1},
                   {"block": "$act", "name": "act", "repeat": "$copies"}]},
      "relu": {"layers": [{"type": "ReLU"}]},
      "outer": {"parameters": ["n"], "layers": [
        {"block": "conv", "name": "a", "with": {"n": "$n", "act": "relu", "bias": true, "copies": 2}},
        {"block": "conv", "name": "b", "with": {"n": "$n", "act": "relu", "name": "d.0"}}]})",
                                        R"({"block": "outer", "name": "o", "with": {"n": 5}})");
  CHECK(names(model) ==
        "o.a.c(input) o.a.act.0.relu_1(o.a.c) o.a.act.1.relu_1(o.a.act.0.relu_1) "
        "o.b.d.0(o.a.act.1.relu_1) o.b.act.0.relu_1(o.b.d.0) ");
  CHECK(layer(model, "o.a.c").attrs.boolean("bias"));
  CHECK_FALSE(layer(model, "o.b.d.0").attrs.boolean("bias"));
  CHECK(layer(model, "o.b.d.0").attrs.integer("out_channels") == 5);
}

TEST_CASE("layers of blocks know their places", "[frontend]") {
  const ModelDescription model =
      parsed(kResidual, R"({"block": "basic", "name": "a", "repeat": 2, "with": {"channels": 3}})");
  const LayerDescription& conv = layer(model, "a.1.conv");
  CHECK(conv.place.pointer == "/blocks/basic/layers/0");
  CHECK(conv.attr_places.at("out_channels").pointer == "/layers/0/with/channels");
  CHECK(conv.attr_places.at("kernel_size").pointer == "/blocks/basic/layers/0/kernel_size");
  REQUIRE(conv.uses.size() == 1);
  CHECK(conv.uses[0].block == "basic");
  CHECK(conv.uses[0].name == "a.1");
  CHECK(conv.uses[0].place.pointer == "/layers/0");
}

TEST_CASE("what blocks have for nothing is worth a warning", "[frontend]") {
  const ModelDescription model = parsed(R"("unused": {"layers": [3]},
"used": {"parameters": ["n"], "defaults": {"m": 1}, "layers": [
  {"type": "ReLU", "name": "dead"},
  {"type": "ReLU", "inputs": ["input"]}]})",
                                        R"(
      {"block": "used", "name": "a", "repeat": 2, "with": {"n": 3}})");
  CHECK(render(model.warnings) ==
        "m.json:2:1: warning: nothing uses block \"unused\", and its layers are not checked [at "
        "/blocks/unused]\n"
        "  \"unused\": {\"layers\": [3]},\n"
        "  ^~~~~~~~\n"
        "m.json:3:25: warning: block \"used\" does not use its parameter \"n\" [at "
        "/blocks/used/parameters/0]\n"
        "  \"used\": {\"parameters\": [\"n\"], \"defaults\": {\"m\": 1}, \"layers\": [\n"
        "                          ^~~\n"
        "m.json:3:44: warning: block \"used\" does not use its parameter \"m\" [at "
        "/blocks/used/defaults/m]\n"
        "  \"used\": {\"parameters\": [\"n\"], \"defaults\": {\"m\": 1}, \"layers\": [\n"
        "                                             ^~~\n"
        "m.json:4:3: warning: nothing reads layer \"a.0.dead\", and it is not the last one, which "
        "gives the output [at /blocks/used/layers/0]\n"
        "    {\"type\": \"ReLU\", \"name\": \"dead\"},\n"
        "    ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~\n");
}

TEST_CASE("an error in a block is shown with the uses of the block", "[frontend]") {
  const ModelDescription model =
      parsed(kResidual, R"({"block": "basic", "name": "a", "repeat": 2, "with": {"channels": 4}})");
  const Result<Graph> graph = build_graph(model, 1);
  REQUIRE_FALSE(graph.ok());
  const std::string text = render(graph.diagnostics());
  INFO(text);
  CHECK(text.find("m.json:7:5: error: Add \"a.0.add_1\": ") == 0);
  CHECK(text.find("m.json:9:1: note: in \"a.0\", this use of block \"basic\" [at /layers/0]\n") !=
        std::string::npos);
}

TEST_CASE("an argument of the wrong kind is shown with its parameter", "[frontend]") {
  const Result<ModelDescription> model = parse_model(std::make_shared<Source>(Source{
      "m.json",
      described(kResidual, R"({"block": "basic", "name": "a", "with": {"channels": true}})")}));
  REQUIRE_FALSE(model.ok());
  CHECK(render(model.diagnostics()) ==
        "m.json:9:54: error: out_channels: expected an integer, found true [at "
        "/layers/0/with/channels]\n"
        "  {\"block\": \"basic\", \"name\": \"a\", \"with\": {\"channels\": true}}\n"
        "                                                       ^~~~\n"
        "m.json:4:56: note: it stands for this parameter [at /blocks/basic/layers/0/out_channels]\n"
        "      {\"type\": \"Conv2d\", \"name\": \"conv\", \"out_channels\": \"$channels\", "
        "\"kernel_size\": [\"$kernel\", 1]},\n"
        "                                                         ^~~~~~~~~~~\n");
}

TEST_CASE("many copies of a block", "[frontend]") {
  const ModelDescription model = parsed(R"("r": {"layers": [{"type": "ReLU"}]})",
                                        R"({"block": "r", "name": "a", "repeat": 10000})");
  CHECK(build_graph(model, 1)->nodes.size() == 10000);
}

}  // namespace
}  // namespace cnnc
