// Tested by tests/tools/synthetic_test.cpp.
#include "tools/data/synthetic.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "tools/data/random.h"

namespace cnnc {
namespace {

// Whether the point (x, y) of the square [-1, 1]^2 belongs to a shape. They differ in outline, in
// having a hole, or in the direction of their parts.
bool covers(int64_t shape, double x, double y) {
  const double square = x * x + y * y;  // of the radius
  const double ax = std::abs(x);
  const double ay = std::abs(y);
  switch (shape) {
    case 0:  // disk
      return square < 0.8;
    case 1:  // square
      return std::max(ax, ay) < 0.8;
    case 2:  // triangle
      return y < 0.8 && y > -0.9 && ax < (y + 0.9) * 0.55;
    case 3:  // upright cross
      return std::min(ax, ay) < 0.28 && std::max(ax, ay) < 0.95;
    case 4:  // ring
      return square < 0.9 && square > 0.3;
    case 5:  // diagonal cross
      return std::min(std::abs(x - y), std::abs(x + y)) < 0.4 && std::max(ax, ay) < 0.9;
    case 6:  // rows
      return std::max(ax, ay) < 0.9 && (std::abs(y) < 0.2 || std::abs(ay - 0.7) < 0.2);
    case 7:  // columns
      return std::max(ax, ay) < 0.9 && (std::abs(x) < 0.2 || std::abs(ax - 0.7) < 0.2);
    case 8:  // frame
      return std::max(ax, ay) < 0.9 && std::max(ax, ay) > 0.5;
    default:  // two opposite quarters
      return std::max(ax, ay) < 0.9 && (x < 0) == (y < 0);
  }
}

// Sum of twelve uniform numbers less 6: near enough to a normal one, and the same everywhere.
double draw_normal(std::mt19937_64& engine) {
  double sum = -6;
  for (int i = 0; i < 12; ++i) sum += static_cast<double>(engine() >> 40) * 0x1.0p-24;
  return sum;
}

struct Placed {
  int64_t shape = 0;
  double x = 0;  // of its middle, in pixels
  double y = 0;
  double half_width = 0;
  double half_height = 0;
};

class Painter {
 public:
  Painter(const Synthetic& options, const ImageSet& set, bool of_pixels)
      : options_(options), set_(set), of_pixels_(of_pixels) {}

  void paint(std::mt19937_64& engine, int64_t label, uint8_t* pixels, int32_t* labels) const {
    const auto width = static_cast<double>(set_.width);
    std::vector<Placed> shapes;
    if (of_pixels_) {
      // Up to three shapes; what comes later covers what was before.
      const auto count = 1 + static_cast<int64_t>(draw_below(engine, 3));
      for (int64_t i = 0; i < count; ++i) {
        shapes.push_back(place(engine, draw_shape(engine), 0, width, 0.5));
      }
    } else if (options_.classes <= kShapes) {
      shapes.push_back(place(engine, label, 0, width, 0.9));
    } else {
      shapes.push_back(place(engine, label % kShapes, 0, width / 2, 0.9));
      shapes.push_back(place(engine, label / kShapes, width / 2, width, 0.9));
    }
    // Backgrounds are dark and shapes bright, or the other way round, in each channel.
    std::vector<std::array<double, 2>> colors(static_cast<size_t>(set_.channels));
    const bool inverted = draw_below(engine, 2) == 1;
    for (std::array<double, 2>& color : colors) {
      color = {0.35 * draw_unit(engine), 0.65 + 0.35 * draw_unit(engine)};
      if (inverted) std::swap(color[0], color[1]);
    }
    const int64_t area = set_.height * set_.width;
    for (int64_t i = 0; i < area; ++i) {
      const int64_t shape = shape_at(shapes, i % set_.width, i / set_.width);
      for (int64_t c = 0; c < set_.channels; ++c) {
        const double value = colors[static_cast<size_t>(c)][shape >= 0 ? 1 : 0] +
                             options_.noise * draw_normal(engine);
        pixels[c * area + i] = static_cast<uint8_t>(std::lround(std::clamp(value, 0.0, 1.0) * 255));
      }
      if (of_pixels_) labels[i] = static_cast<int32_t>(shape + 1);
    }
    if (!of_pixels_) labels[0] = static_cast<int32_t>(label);
  }

 private:
  [[nodiscard]] int64_t draw_shape(std::mt19937_64& engine) const {
    return static_cast<int64_t>(draw_below(engine, static_cast<uint64_t>(options_.classes - 1)));
  }

  // Somewhere between two columns, as large as `share` of the room or somewhat smaller.
  [[nodiscard]] Placed place(std::mt19937_64& engine, int64_t shape, double left, double right,
                             double share) const {
    const auto height = static_cast<double>(set_.height);
    const double room = std::min(right - left, height);
    Placed placed;
    placed.shape = shape;
    placed.half_width = room / 2 * share * (0.65 + 0.35 * draw_unit(engine));
    placed.half_height = room / 2 * share * (0.65 + 0.35 * draw_unit(engine));
    const double free_x = right - left - 2 * placed.half_width;
    const double free_y = height - 2 * placed.half_height;
    placed.x = left + placed.half_width + free_x * draw_unit(engine);
    placed.y = placed.half_height + free_y * draw_unit(engine);
    return placed;
  }

  static int64_t shape_at(const std::vector<Placed>& shapes, int64_t column, int64_t row) {
    for (size_t i = shapes.size(); i-- > 0;) {
      const Placed& each = shapes[i];
      const double x = (static_cast<double>(column) + 0.5 - each.x) / each.half_width;
      const double y = (static_cast<double>(row) + 0.5 - each.y) / each.half_height;
      if (covers(each.shape, x, y)) return each.shape;
    }
    return -1;
  }

  const Synthetic& options_;
  const ImageSet& set_;
  bool of_pixels_;
};

ImageSet draw_half(const Synthetic& options, const NetworkShape& network, Split split) {
  ImageSet set;
  set.count = split == Split::train ? options.train : options.test;
  set.channels = network.input.size() == 3 ? network.input[0] : 1;
  set.height = network.input.size() == 3 ? network.input[1] : 1;
  set.width = network.input.back();
  const bool of_pixels = network.label_size > 1;
  set.label_size = of_pixels ? set.height * set.width : 1;
  set.pixels.resize(static_cast<size_t>(set.count * set.image_size()));
  set.labels.resize(static_cast<size_t>(set.count * set.label_size));
  const Painter painter(options, set, of_pixels);
  for (int64_t i = 0; i < set.count; ++i) {
    std::mt19937_64 engine = engine_of({options.seed, static_cast<uint64_t>(i),
                                        split == Split::train ? uint64_t{0} : uint64_t{1}});
    painter.paint(engine, i % options.classes, set.pixels.data() + i * set.image_size(),
                  set.labels.data() + i * set.label_size);
  }
  return set;
}

// Reads a number; whether it was one, and among those.
template <class T>
bool read_number(const std::string& text, T least, T most, T& value) {
  const char* end = text.data() + text.size();
  const auto [at, code] = std::from_chars(text.data(), end, value);
  return code == std::errc() && at == end && value >= least && value <= most;
}

}  // namespace

Result<Synthetic> parse_synthetic(const std::string& text) {
  constexpr int64_t kMost = 10'000'000;
  Synthetic options;
  const std::string path = "synthetic:" + text;
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string part = text.substr(begin, end - begin);
    begin = end + 1;
    const size_t equals = part.find('=');
    const std::string key = part.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : part.substr(equals + 1);
    bool good = false;
    if (key == "train") {
      good = read_number<int64_t>(value, 1, kMost, options.train);
    } else if (key == "test") {
      good = read_number<int64_t>(value, 1, kMost, options.test);
    } else if (key == "classes") {
      good = read_number<int64_t>(value, 2, kShapes * kShapes, options.classes);
    } else if (key == "noise") {
      good = read_number<double>(value, 0, 1, options.noise);
    } else if (key == "seed") {
      good = read_number<uint64_t>(value, 0, UINT64_MAX, options.seed);
    } else {
      Diagnostic unknown = file_error(
          path, "unknown key \"" + key + "\"; there are train, test, classes, noise and seed");
      unknown.suggestion = nearest(key, {"train", "test", "classes", "noise", "seed"});
      return unknown;
    }
    if (good) continue;
    std::string message = key;
    message.append(key == "noise"     ? ": expected a number from 0 to 1"
                   : key == "classes" ? ": expected an integer from 2 to 100"
                   : key == "seed"    ? ": expected an integer of at least 0"
                                      : ": expected an integer of at least 1");
    return file_error(path, message.append(", found \"").append(value).append("\""));
  }
  return options;
}

Result<DataSet> draw_synthetic(const Synthetic& options, const NetworkShape& network) {
  Synthetic complete = options;
  if (complete.classes == 0) complete.classes = network.outputs;
  const bool of_pixels = network.label_size > 1;
  const int64_t most = of_pixels ? kShapes + 1 : kShapes * kShapes;
  if (complete.classes < 2 || complete.classes > most) {
    return file_error("synthetic", "has from 2 to " + std::to_string(most) + " classes, not " +
                                       std::to_string(complete.classes) +
                                       "; say how many: synthetic:classes=10");
  }
  constexpr int64_t kLeast = 8;
  const Shape& input = network.input;
  if (input.size() != 3 || input[1] < kLeast || input[2] < kLeast) {
    return file_error("synthetic",
                      "draws images of at least 8 x 8 pixels, but the network's input "
                      "is " +
                          to_string(input));
  }
  return DataSet{
      draw_half(complete, network, Split::train), draw_half(complete, network, Split::test), {}};
}

}  // namespace cnnc
