// Names of outputs, and what reads them.
#include "compiler/frontend/output_name.h"

#include <catch2/catch.hpp>

#include "compiler/frontend/model.h"

namespace cnnc {
namespace {

// The graph of a network that splits 6 features into 1, 2 and 3, or the first error.
std::string graph_of(const std::string& readers) {
  const std::string text = R"({"cnnc": 1, "name": "n", "input": {"shape": [6]}, "layers": [
    {"type": "Split", "name": "parts", "split_size_or_sections": [1, 2, 3]},
    )" + readers + "]}";
  const Result<ModelDescription> model =
      parse_model(std::make_shared<Source>(Source{"n.json", text}));
  if (!model) return model.diagnostics()[0].message;
  const Result<Graph> graph = build_graph(*model, 4);
  if (!graph) return graph.diagnostics()[0].message + " at " + graph.diagnostics()[0].pointer;
  return print(*graph);
}

}  // namespace

TEST_CASE("Names of outputs", "[frontend]") {
  const auto check = [](const std::string& text, const std::string& layer, size_t index) {
    INFO(text);
    CHECK(parse_output_name(text).layer == layer);
    CHECK(parse_output_name(text).index == index);
  };
  check("a", "a", 0);
  check("a[0]", "a", 0);
  check("a[12]", "a", 12);
  check("a[12", "a[12", 0);
  check("a[]", "a[]", 0);
  check("a[-1]", "a[-1]", 0);
  check("a[1]b", "a[1]b", 0);
  check("a[1234567]", "a[1234567]", 0);
  check("a[1][2]", "a[1]", 2);
  check("[1]", "", 1);
  check("", "", 0);
}

TEST_CASE("Layers read any output of a layer", "[frontend]") {
  const std::string text =
      graph_of(R"({"type": "Concat", "inputs": ["parts[2]", "parts", "parts[1]", "parts[0]"]})");
  CHECK(
      text.find("%parts: f32[4, 1], %parts[1]: f32[4, 2], %parts[2]: f32[4, 3] = Split(%input)") !=
      std::string::npos);
  CHECK(text.find("%concat_1: f32[4, 7] = Concat(%parts[2], %parts, %parts[1], %parts)") !=
        std::string::npos);
  CHECK(graph_of(R"({"type": "ReLU", "inputs": ["parts[3]"]})") ==
        "ReLU \"relu_1\" reads \"parts[3]\", but layer \"parts\" has 3 outputs, from \"parts[0]\" "
        "to \"parts[2]\" at /layers/1");
  CHECK(graph_of(R"({"type": "ReLU", "inputs": ["input[1]"]})") ==
        "ReLU \"relu_1\" reads \"input[1]\", but the network's input is one tensor at /layers/1");
  CHECK(graph_of(R"({"type": "ReLU", "name": "r"}, {"type": "ReLU", "inputs": ["r[1]"]})") ==
        "ReLU \"relu_2\" reads \"r[1]\", but layer \"r\" has one output at /layers/2");
  CHECK(graph_of(R"({"type": "ReLU", "inputs": ["part[1]"]})") == "no layer is called \"part[1]\"");
}

}  // namespace cnnc
