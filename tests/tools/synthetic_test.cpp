// Drawn data sets: options, what is in the images, and that they are the same everywhere.
#include "tools/data/synthetic.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <numeric>
#include <set>
#include <string>

namespace cnnc {
namespace {

std::string problem(const std::string& options) {
  const Result<Synthetic> parsed = parse_synthetic(options);
  REQUIRE_FALSE(parsed.ok());
  return render(parsed.diagnostics());
}

TEST_CASE("options of a drawn data set", "[data]") {
  const Result<Synthetic> usual = parse_synthetic("");
  REQUIRE(usual.ok());
  CHECK(usual->train == 2000);
  CHECK(usual->test == 500);
  CHECK(usual->classes == 0);
  const Result<Synthetic> given =
      parse_synthetic("train=64,test=8,classes=12,noise=0.25,seed=18446744073709551615");
  REQUIRE(given.ok());
  CHECK(given->train == 64);
  CHECK(given->test == 8);
  CHECK(given->classes == 12);
  CHECK(given->noise == 0.25);
  CHECK(given->seed == UINT64_MAX);
}

TEST_CASE("wrong options of a drawn data set", "[data]") {
  CHECK(problem("trian=3") ==
        "error: synthetic:trian=3: unknown key \"trian\"; there are train, test, classes, noise "
        "and seed\n  did you mean \"train\"?\n");
  CHECK(problem("train=0") ==
        "error: synthetic:train=0: train: expected an integer of at least 1, found \"0\"\n");
  CHECK(problem("classes=101") ==
        "error: synthetic:classes=101: classes: expected an integer from 2 to 100, found "
        "\"101\"\n");
  CHECK(problem("noise=2").find("expected a number from 0 to 1") != std::string::npos);
  CHECK(problem("noise=nan").find("expected a number from 0 to 1") != std::string::npos);
  CHECK(problem("seed=-1").find("expected an integer of at least 0") != std::string::npos);
  CHECK(problem("test").find("found \"\"") != std::string::npos);
  CHECK(problem("test=3x").find("found \"3x\"") != std::string::npos);
}

TEST_CASE("networks for which nothing can be drawn", "[data]") {
  const auto error_of = [](const NetworkShape& network) {
    const Result<DataSet> data = draw_synthetic({}, network);
    REQUIRE_FALSE(data.ok());
    return render(data.diagnostics());
  };
  CHECK(error_of({{16}, 4, 1}).find("at least 8 x 8 pixels") != std::string::npos);
  CHECK(error_of({{3, 7, 8}, 4, 1}).find("[3, 7, 8]") != std::string::npos);
  CHECK(error_of({{3, 8, 8}, 1, 1}).find("from 2 to 100 classes, not 1") != std::string::npos);
  CHECK(error_of({{3, 8, 8}, 12, 64}).find("from 2 to 11 classes, not 12") != std::string::npos);
}

TEST_CASE("images of each class, alike but not equal", "[data]") {
  Synthetic options;
  options.train = 60;
  options.test = 20;
  for (const int64_t classes : {2, 10, 100}) {
    const Result<DataSet> data = draw_synthetic(options, {{3, 16, 20}, classes, 1});
    REQUIRE(data.ok());
    CHECK(data->train.count == 60);
    CHECK(data->test.count == 20);
    CHECK(data->train.pixels.size() == 60 * 3 * 16 * 20);
    REQUIRE(data->train.labels.size() == 60);
    for (int64_t i = 0; i < 60; ++i) CHECK(data->train.labels[i] == i % classes);
    std::set<std::vector<uint8_t>> images;
    for (const ImageSet* set : {&data->train, &data->test}) {
      for (int64_t i = 0; i < set->count; ++i) {
        const auto begin = set->pixels.begin() + i * set->image_size();
        images.emplace(begin, begin + set->image_size());
      }
    }
    CHECK(images.size() == 80);
  }
}

TEST_CASE("pixels that have labels", "[data]") {
  Synthetic options;
  options.train = 40;
  options.noise = 0;
  const Result<DataSet> data = draw_synthetic(options, {{1, 24, 24}, 5, 24 * 24});
  REQUIRE(data.ok());
  const ImageSet& set = data->train;
  CHECK(set.label_size == 24 * 24);
  REQUIRE(set.labels.size() == 40 * 24 * 24);
  const std::set<int32_t> found(set.labels.begin(), set.labels.end());
  CHECK(found == std::set<int32_t>{0, 1, 2, 3, 4});
  // Without noise, an image has one colour for its background and one for its shapes.
  for (int64_t i = 0; i < set.count; ++i) {
    std::set<std::pair<bool, uint8_t>> colors;
    for (int64_t k = 0; k < set.label_size; ++k) {
      const int64_t at = i * set.label_size + k;
      colors.emplace(set.labels[at] > 0, set.pixels[at]);
    }
    CHECK(colors.size() == 2);
  }
}

TEST_CASE("a drawn data set is the same on every machine, and of its seed", "[data]") {
  Synthetic options;
  options.train = 8;
  options.test = 1;
  const auto sum_of = [&] {
    const std::vector<uint8_t> pixels = draw_synthetic(options, {{3, 32, 32}, 8, 1})->train.pixels;
    uint64_t sum = 0;
    for (const uint8_t each : pixels) sum = sum * 31 + each;
    return sum;
  };
  const uint64_t first = sum_of();
  CHECK(first == 10953682103846966452U);
  options.seed = 1;
  CHECK(sum_of() != first);
}

}  // namespace
}  // namespace cnnc
