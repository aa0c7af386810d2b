// Tested by tests/tools/cnnc_train_command_test.py.
#include "tools/cli/display.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <sys/ioctl.h>
#include <unistd.h>

namespace cnnc::cli {
namespace {

constexpr auto kRedrawAfter = std::chrono::milliseconds(100);
constexpr int64_t kWidestBar = 40;
constexpr int64_t kNarrowestBar = 5;
constexpr const char* kEraseLine = "\r\033[K";

bool can_draw() {
  const char* terminal = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) != 0 &&
         (terminal == nullptr || std::strcmp(terminal, "dumb") != 0);
}

int64_t terminal_width() {
  constexpr int64_t kUsual = 80;
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kUsual;
  return size.ws_col;
}

}  // namespace

std::string fixed(double value, int decimals) {
  std::array<char, 400> text{};  // the greatest double has 309 digits
  std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
  return text.data();
}

std::string duration_text(double seconds) {
  const auto whole = static_cast<int64_t>(std::ceil(std::clamp(seconds, 0.0, 1e9)));
  const auto two = [](int64_t value) { return (value < 10 ? "0" : "") + std::to_string(value); };
  if (whole < 60) return std::to_string(whole) + " s";
  if (whole < 3600) return std::to_string(whole / 60) + " min " + two(whole % 60) + " s";
  return std::to_string(whole / 3600) + " h " + two(whole / 60 % 60) + " min";
}

std::string bar_text(const Moment& moment, int64_t width) {
  const std::string rest = "batch " + std::to_string(moment.batch) + "/" +
                           std::to_string(moment.batches) + ", loss " + fixed(moment.loss, 4) +
                           ", " + fixed(moment.images_per_second, 0) + " images/s, " +
                           duration_text(moment.seconds_left) + " left";
  std::string text =
      "epoch " + std::to_string(moment.epoch + 1) + "/" + std::to_string(moment.epochs) + " ";
  const auto room = width - static_cast<int64_t>(text.size() + rest.size() + 3);
  if (room >= kNarrowestBar && moment.batches > 0) {
    const int64_t size = std::min(room, kWidestBar);
    const int64_t full = size * moment.batch / moment.batches;
    std::string bar(full, '=');
    if (full < size) bar += '>';
    bar.resize(size, ' ');
    text += "[" + bar + "] ";
  }
  text += rest;
  return text.substr(0, std::max<int64_t>(width, 0));
}

Display::Display() : has_bar_(can_draw()) {}

Display::~Display() { clear_bar(); }

void Display::line(const std::string& text) {
  clear_bar();
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fputc('\n', stdout);
  std::fflush(stdout);
}

void Display::bar(const Moment& moment) {
  if (!has_bar_) return;
  const auto now = std::chrono::steady_clock::now();
  if (drawn_ && now - last_ < kRedrawAfter) return;
  // The last column stays empty: a character there may wrap the line.
  const std::string text = bar_text(moment, terminal_width() - 1);
  std::fprintf(stderr, "%s%s", kEraseLine, text.c_str());
  std::fflush(stderr);
  drawn_ = true;
  last_ = now;
}

void Display::clear_bar() {
  if (!drawn_) return;
  std::fputs(kEraseLine, stderr);
  std::fflush(stderr);
  drawn_ = false;
}

}  // namespace cnnc::cli
