#include "tests/e2e/random_network.h"

#include <algorithm>
#include <vector>

#include "compiler/graph/types.h"

namespace cnnc::test {
namespace {

class Drawer {
 public:
  explicit Drawer(std::mt19937& random) : random_(random) {}

  RandomNetwork draw() {
    RandomNetwork network;
    network.classes = between(2, 10);
    network.batch = between(1, 20);
    Shape input = {between(1, 3), between(5, 12), between(5, 12)};
    if (happens(0.15)) input = {between(1, 40)};
    known_.push_back({"input", input});
    const int64_t count = between(2, 6);
    for (int64_t i = 0; i < count; ++i) add_layer();
    if (known_.back().shape.size() == 3) {
      add("Flatten", "", known_.back(), {element_count(known_.back().shape)});
    }
    if (happens(0.4)) {
      add_linear(between(1, 40));
      add("ReLU", "", known_.back(), known_.back().shape);
    }
    add_linear(network.classes);

    const double momentum = 0.9;  // its buffer is where a test finds the gradient
    if (happens(0.3)) network.weight_decay = 0.01;
    std::string text = R"({"cnnc": 1, "name": "random", "input": {"shape": )" + to_string(input);
    if (happens(0.5)) text += R"(, "mean": 0.5, "std": 0.3)";
    text += "},\n \"layers\": [" + layers_ + "],\n";
    text += R"( "loss": {"type": "CrossEntropyLoss"},)";
    text += "\n \"optimizer\": {\"type\": \"SGD\", \"lr\": 0.1, \"momentum\": " +
            std::to_string(momentum) +
            ", \"weight_decay\": " + std::to_string(network.weight_decay) +
            (happens(0.3) ? ", \"nesterov\": true" : "") + "},\n";
    network.json =
        text + " \"training\": {\"batch_size\": " + std::to_string(network.batch) + "}}\n";
    return network;
  }

 private:
  struct Known {
    std::string name;
    Shape shape;  // without the batch
  };

  int64_t between(int64_t least, int64_t most) {
    return least + static_cast<int64_t>(random_() % static_cast<uint32_t>(most - least + 1));
  }
  bool happens(double probability) {
    return static_cast<double>(random_() % 1000) < probability * 1000;
  }

  // `attributes` begins with a comma if there are any.
  void add(const std::string& type, const std::string& attributes, const Known& from, Shape shape,
           const std::string& other = "") {
    const std::string name = "layer" + std::to_string(known_.size());
    layers_ += (known_.size() > 1 ? "," : "") + std::string("\n  {\"type\": \"") + type +
               "\", \"name\": \"" + name + "\", \"inputs\": [\"" + from.name + "\"" +
               (other.empty() ? "" : ", \"" + other + "\"") + "]" + attributes + "}";
    known_.push_back({name, std::move(shape)});
  }

  void add_linear(int64_t features) {
    const Known from = known_.back();
    add("Linear",
        ", \"out_features\": " + std::to_string(features) +
            (happens(0.2) ? ", \"bias\": false" : ""),
        from, {features});
  }

  void add_layer() {
    Known from = known_.back();
    // Sometimes another branch begins; what nobody reads then is dead.
    if (happens(0.2)) from = known_[random_() % known_.size()];
    if (from.shape.size() == 1) return add_row_layer(from);
    const int64_t choice = between(0, 16);
    if (choice >= 12) return add_move(from);
    if (choice <= 3) return add_conv(from, false);
    if (choice == 4) return add_conv(from, true);
    if (choice == 5) return add_pool(from);
    if (choice <= 7) return add_sum(from);
    if (choice == 8) return add("Dropout", ", \"p\": 0", from, from.shape);
    if (choice == 9) return add_transposed(from);
    if (choice == 10) return add_average(from);
    add("ReLU", "", from, from.shape);
  }

  void add_row_layer(const Known& from) {
    const int64_t choice = between(0, 3);
    if (choice == 0) return add("ReLU", "", from, from.shape);
    if (choice == 1) return add_sum(from);
    const int64_t features = choice == 2 ? from.shape[0] : between(1, 40);
    add("Linear", ", \"out_features\": " + std::to_string(features), from, {features});
  }

  // The last layer of the same shape, or the layer itself.
  void add_sum(const Known& from) {
    std::string other = from.name;
    for (const Known& known : known_) {
      if (known.shape == from.shape && known.name != from.name) other = known.name;
    }
    add("Add", "", from, from.shape, other);
  }

  void add_conv(const Known& from, bool keeps_shape) {
    const int64_t channels = keeps_shape ? from.shape[0] : between(1, 12);
    std::string text = ", \"out_channels\": " + std::to_string(channels);
    if (keeps_shape) {
      text += ", \"kernel_size\": 3, \"padding\": \"same\"";
      if (happens(0.3)) text += ", \"groups\": " + std::to_string(channels);  // depthwise
      return add("Conv2d", text, from, {channels, from.shape[1], from.shape[2]});
    }
    const int64_t padding = between(0, 2);
    const int64_t stride = happens(0.3) ? 2 : 1;
    const int64_t kernel_h = std::min(between(1, 3), from.shape[1] + 2 * padding);
    const int64_t kernel_w = std::min(between(1, 3), from.shape[2] + 2 * padding);
    text += ", \"kernel_size\": " + to_string(Shape{kernel_h, kernel_w}) +
            ", \"padding\": " + std::to_string(padding) +
            ", \"stride\": " + std::to_string(stride) + (happens(0.2) ? ", \"bias\": false" : "");
    add("Conv2d", text, from,
        {channels, (from.shape[1] + 2 * padding - kernel_h) / stride + 1,
         (from.shape[2] + 2 * padding - kernel_w) / stride + 1});
  }

  void add_pool(const Known& from) {
    if (from.shape[1] < 3 || from.shape[2] < 3) return add("ReLU", "", from, from.shape);
    if (happens(0.6)) {
      return add("MaxPool2d", ", \"kernel_size\": 2", from,
                 {from.shape[0], from.shape[1] / 2, from.shape[2] / 2});
    }
    add("MaxPool2d", ", \"kernel_size\": 3, \"stride\": 2, \"padding\": 1", from,
        {from.shape[0], (from.shape[1] - 1) / 2 + 1, (from.shape[2] - 1) / 2 + 1});
  }

  void add_transposed(const Known& from) {
    if (from.shape[1] > 10 || from.shape[2] > 10) return add_average(from);
    const int64_t channels = between(1, 8);
    const int64_t kernel = between(2, 4);
    const int64_t more = between(0, 1);
    add("ConvTranspose2d",
        ", \"out_channels\": " + std::to_string(channels) +
            ", \"kernel_size\": " + std::to_string(kernel) +
            ", \"stride\": 2, \"padding\": [0, 1, 1, 0], \"output_padding\": " +
            std::to_string(more) + (happens(0.2) ? ", \"bias\": false" : ""),
        from,
        {channels, (from.shape[1] - 1) * 2 + kernel - 1 + more,
         (from.shape[2] - 1) * 2 + kernel - 1 + more});
  }

  void add_average(const Known& from) {
    const int64_t channels = from.shape[0];
    if (from.shape[1] < 3 || from.shape[2] < 3 || happens(0.4)) {
      const int64_t height = between(1, 4), width = between(1, 4);
      return add(happens(0.7) ? "AdaptiveAvgPool2d" : "AdaptiveMaxPool2d",
                 ", \"output_size\": " + to_string(Shape{height, width}), from,
                 {channels, height, width});
    }
    if (happens(0.5)) {
      return add("AvgPool2d", ", \"kernel_size\": 2", from,
                 {channels, from.shape[1] / 2, from.shape[2] / 2});
    }
    add("AvgPool2d", ", \"kernel_size\": 3, \"stride\": 2, \"padding\": \"same_upper\"", from,
        {channels, (from.shape[1] + 1) / 2, (from.shape[2] + 1) / 2});
  }

  // Layers that move elements.
  void add_move(const Known& from) {
    const int64_t c = from.shape[0], h = from.shape[1], w = from.shape[2];
    switch (between(0, 9)) {
      case 0:
        return add_concat(from);
      case 1:
        return add_split(from);
      case 2:
        return add("Transpose", R"(, "dim0": 3, "dim1": 2)", from, {c, w, h});
      case 3:
        return add("Permute", R"(, "dims": [0, 2, 3, 1])", from, {h, w, c});
      case 4: {
        const int64_t begin = between(0, c - 1), step = between(1, 2);
        return add("Slice",
                   R"(, "axes": [1, 3], "starts": [)" + std::to_string(begin) +
                       R"(, -1], "ends": [100, -100], "steps": [)" + std::to_string(step) + ", -1]",
                   from, {(c - begin - 1) / step + 1, h, w});
      }
      case 5: {
        static const char* const kModes[] = {"constant", "reflect", "replicate", "circular"};
        const bool fits = h > 1 && w > 1 && h + w < 24;
        if (!fits) return add("ChannelShuffle", R"(, "groups": 1)", from, from.shape);
        return add("Pad",
                   std::string(R"(, "pad": [1, 1, 0, 1, -)") + (c > 1 ? "1" : "0") +
                       R"(, 0], "mode": ")" + kModes[between(0, 3)] + '"',
                   from, {c > 1 ? c - 1 : c, h + 1, w + 2});
      }
      case 6: {
        if (h + w > 20) return add("ChannelShuffle", R"(, "groups": 1)", from, from.shape);
        static const char* const kModes[] = {"nearest", "bilinear", "bicubic"};
        const Shape size = {between(1, h + 4), between(1, w + 4)};
        return add(
            "Upsample",
            R"(, "size": )" + to_string(size) + R"(, "mode": ")" + kModes[between(0, 2)] + '"',
            from, {c, size[0], size[1]});
      }
      case 7:
        if (c % 4 == 0) {
          return add("PixelShuffle", R"(, "upscale_factor": 2)", from, {c / 4, h * 2, w * 2});
        }
        if (h % 2 == 0 && w % 2 == 0) {
          return add("PixelUnshuffle", R"(, "downscale_factor": 2)", from, {c * 4, h / 2, w / 2});
        }
        return add("Tile", R"(, "dims": [2, 1, 1])", from, {c * 2, h, w});
      case 8:
        return add("Reshape", R"(, "shape": )" + to_string(Shape{w, c, -1}), from, {w, c, h});
      default:
        return add("ChannelShuffle", R"(, "groups": )" + std::to_string(c % 3 == 0 ? 3 : c), from,
                   from.shape);
    }
  }

  // With the last two layers of the same height and width, or itself.
  void add_concat(const Known& from) {
    std::vector<Known> parts = {from};
    for (auto known = known_.rbegin(); known != known_.rend() && parts.size() < 3; ++known) {
      const bool fits = known->shape.size() == 3 && known->shape[1] == from.shape[1] &&
                        known->shape[2] == from.shape[2] && known->shape[0] < 20;
      if (fits) parts.push_back(*known);
    }
    std::string more;
    int64_t channels = 0;
    for (size_t i = 0; i < parts.size(); ++i) {
      channels += parts[i].shape[0];
      if (i > 0) more += (i > 1 ? "\", \"" : "") + parts[i].name;
    }
    add("Concat", "", from, {channels, from.shape[1], from.shape[2]}, more);
  }

  // The first channels and the others, which change places.
  void add_split(const Known& from) {
    const int64_t c = from.shape[0];
    if (c < 2)
      return add("Tile", R"(, "dims": [2, 1, 1])", from, {2, from.shape[1], from.shape[2]});
    const int64_t first = between(1, c - 1);
    add("Split", R"(, "split_size_or_sections": )" + to_string(Shape{first, c - first}), from,
        {first, from.shape[1], from.shape[2]});
    const Known parts = known_.back();
    add("Concat", "", {parts.name + "[1]", {}}, from.shape, parts.name);
  }

  std::mt19937& random_;
  std::vector<Known> known_;
  std::string layers_;
};

}  // namespace

RandomNetwork random_network(std::mt19937& random) { return Drawer(random).draw(); }

}  // namespace cnnc::test
