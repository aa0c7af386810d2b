// The output of a long run: lines that stay, and below them a bar that moves.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>

namespace cnnc::cli {

struct Moment {
  int64_t epoch = 0;  // from 0
  int64_t epochs = 0;
  int64_t batch = 0;  // done, of this epoch
  int64_t batches = 0;
  double loss = 0;
  double images_per_second = 0;
  double seconds_left = 0;
};

// "epoch 1/3 [====>     ] batch 412/938, loss 0.2310, 4630 images/s, 8 s left", at most `width`
// characters.
[[nodiscard]] std::string bar_text(const Moment& moment, int64_t width);
// A number with that many decimals.
[[nodiscard]] std::string fixed(double value, int decimals);
// "8 s", "3 min 20 s", "2 h 05 min".
[[nodiscard]] std::string duration_text(double seconds);

// Lines go to stdout, at once. The bar goes to stderr where that is a terminal, else nowhere.
class Display {
 public:
  Display();
  ~Display();
  Display(const Display&) = delete;
  Display& operator=(const Display&) = delete;

  void line(const std::string& text);
  // Redraws the bar, unless it was drawn just now.
  void bar(const Moment& moment);
  void clear_bar();

 private:
  bool has_bar_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace cnnc::cli
