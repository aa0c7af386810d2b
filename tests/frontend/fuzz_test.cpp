// Broken descriptions of any kind end in errors that can be shown, or in a sound graph.
//
// The seed is random, and printed with a failure; CNNC_FUZZ_SEED repeats it and CNNC_FUZZ_CASES
// sets how many cases there are.
#include <cstdlib>
#include <random>
#include <string>

#include <catch2/catch.hpp>

#include "compiler/frontend/model.h"
#include "tests/support/golden.h"

namespace cnnc {
namespace {

constexpr const char* kPieces[] = {
    "{",    "}",    "[",  "]",    ",",  ":",    "\"",    "\\",           "0",
    "null", "\xC3", "\n", "\x01", "//", "\"\"", "1e999", "\xEF\xBB\xBF", "-",
};

// JSON values, most of them of the right kind for some key.
constexpr const char* kValues[] = {
    "0",
    "1",
    "2",
    "3",
    "7",
    "-1",
    "1.5",
    "32767",
    "2147483647",
    "9999999999999999999999",
    "1e300",
    "1e-320",
    "true",
    "false",
    "null",
    "\"\"",
    "\"input\"",
    "\"conv1\"",
    "\"same\"",
    "\"Add\"",
    "\"Softmax\"",
    "\"Conv2d\"",
    "\"ReLU\"",
    "[]",
    "{}",
    "[1, 2]",
    "[3, 8, 8]",
    "[16]",
    "[1, 32767]",
    "[1, 2, 3, 4]",
    "[\"input\"]",
    "[\"conv1\"]",
    "[\"fc1\", \"stem\"]",
    "\"$channels\"",
    "\"$stride\"",
    "\"basic\"",
    "\"layer1.0\"",
    "[\"layer1.0\", \"layer1.1.conv1\"]",
    "{\"channels\": 4}",
};

// Members of a layer, to be put before another one.
constexpr const char* kMembers[] = {
    "\"stride\": ",    "\"padding\": ", "\"dilation\": ", "\"groups\": ",      "\"name\": ",
    "\"inputs\": ",    "\"bias\": ",    "\"p\": ",        "\"kernel_size\": ", "\"in_channels\": ",
    "\"ceil_mode\": ", "\"block\": ",   "\"repeat\": ",   "\"first\": ",       "\"with\": ",
};

class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed) {}

  std::string mutate(std::string text) {
    const bool keep_syntax = below(3) > 0;
    for (size_t left = 1 + below(3); left > 0; --left) {
      if (keep_syntax) {
        change_values(text);
      } else {
        change_bytes(text);
      }
    }
    return text;
  }

 private:
  std::mt19937_64 random_;

  size_t below(size_t limit) { return static_cast<size_t>(random_() % limit); }

  template <size_t n>
  const char* any_of(const char* const (&list)[n]) {
    return list[below(n)];
  }

  void change_bytes(std::string& text) {
    const size_t at = below(text.size() + 1);
    const size_t count = std::min(below(20) + 1, text.size() - at);
    switch (below(5)) {
      case 0:
        text.erase(at, count);
        break;
      case 1:
        text.insert(at, any_of(kPieces));
        break;
      case 2:
        text.replace(at, count, any_of(kPieces));
        break;
      case 3:
        text.insert(below(text.size() + 1), text.substr(at, below(200)));
        break;
      default:
        if (at < text.size()) text[at] = static_cast<char>(random_());
        break;
    }
  }

  void change_values(std::string& text) {
    const size_t at = below(text.size() + 1);
    const size_t line = text.find("\n    {", at);  // a layer
    const size_t line_end = text.find('\n', line + 1);
    const size_t colon = text.find(": ", at);
    const size_t value_end = text.find_first_of(",}]\n", colon);
    for (size_t place : {line, line_end, colon, value_end}) {
      if (place == std::string::npos) return;
    }
    switch (below(5)) {
      case 0:
        text.insert(line, text.substr(line, line_end - line));
        break;
      case 1:
        text.erase(line, line_end - line);
        break;
      case 2:
        text.insert(line + 6, std::string(any_of(kMembers)) + any_of(kValues) + ", ");
        break;
      default:
        text.replace(colon + 2, value_end - colon - 2, any_of(kValues));
        break;
    }
  }
};

int64_t number_of(const char* variable, int64_t fallback) {
  const char* text = std::getenv(variable);
  return text ? std::strtoll(text, nullptr, 10) : fallback;
}

// Blocks within blocks, of several copies.
constexpr const char* kBlocks = R"({
  "cnnc": 1,
  "name": "blocks",
  "input": {"shape": [3, 32, 32]},
  "blocks": {
    "conv": {
      "parameters": ["channels"],
      "defaults": {"stride": 1},
      "layers": [
    {"type": "Conv2d", "out_channels": "$channels", "kernel_size": 3, "stride": "$stride", "padding": 1},
    {"type": "ReLU"}
      ]
    },
    "basic": {
      "parameters": ["channels"],
      "inputs": ["input", "skip"],
      "layers": [
    {"block": "conv", "name": "conv1", "with": {"channels": "$channels"}},
    {"block": "conv", "name": "conv2", "repeat": 2, "with": {"channels": "$channels", "stride": 1}},
    {"type": "Add", "name": "sum", "inputs": ["conv2.1", "skip"]}
      ]
    }
  },
  "layers": [
    {"block": "conv", "name": "stem", "with": {"channels": 4, "stride": [2, 2]}},
    {"block": "basic", "name": "layer1", "inputs": ["stem", "stem"], "repeat": 3, "with": {"channels": 4}},
    {"type": "Add", "inputs": ["layer1.1", "layer1.2"]},
    {"type": "Flatten"},
    {"type": "Linear", "out_features": 10}
  ]
}
)";

TEST_CASE("mutated descriptions never crash the front end", "[frontend]") {
  const auto seed = static_cast<uint64_t>(number_of("CNNC_FUZZ_SEED", std::random_device{}()));
  const int64_t cases = number_of("CNNC_FUZZ_CASES", 4000);
  Mutator mutator(seed);
  const std::string models[] = {test::file_bytes(test::source_path("models/mnist_cnn.json")),
                                test::file_bytes(test::source_path("models/residual.json")),
                                kBlocks};
  int64_t sound = 0;
  for (int64_t i = 0; i < cases; ++i) {
    const std::string text = mutator.mutate(models[i % 3]);
    INFO("CNNC_FUZZ_SEED=" << seed << ", case " << i << ":\n" << text);
    const Result<ModelDescription> model = parse_model(std::make_shared<Source>(Source{"f", text}));
    if (!model) {
      REQUIRE_FALSE(render(model.diagnostics()).empty());
      continue;
    }
    const Result<Graph> graph = build_graph(*model, 1 + i % 2);
    if (graph) {
      ++sound;
      REQUIRE(verify(*graph).empty());
      REQUIRE_FALSE(print(*graph).empty());
    } else {
      REQUIRE_FALSE(render(graph.diagnostics()).empty());
    }
  }
  if (cases >= 1000) CHECK(sound > cases / 100);  // the later checks were reached
}

}  // namespace
}  // namespace cnnc
