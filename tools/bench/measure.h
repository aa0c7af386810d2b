// Measurements of compiled code, beside the limits of the machine in the same run.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "compiler/plan/machine.h"

namespace cnnc {

// What was measured, and the milliseconds of each call.
struct Row {
  std::string bench;     // "train", "infer", "kernel", "compile", a direction
  std::string model;     // name or problem
  std::string kernel;    // empty: the whole
  std::string schedule;  // of the kernel
  int64_t batch = 0;
  int64_t flops = 0;  // of a call; 0: not counted
  int64_t bytes = 0;  // that a call must read or write at least
  std::vector<double> ms;

  [[nodiscard]] double median_ms() const;
  [[nodiscard]] double least_ms() const;
};

// The limits of one core, sampled again and again between measurements.
class Limits {
 public:
  // Reads are timed from the cache that holds so many bytes, with a block that leaves room there
  // for what is measured.
  Limits(const Machine& machine, int64_t resident_bytes);
  void sample();
  [[nodiscard]] double peak_gflops() const;       // median
  [[nodiscard]] double best_peak_gflops() const;  // largest
  [[nodiscard]] double read_gbytes_s() const;     // median
  [[nodiscard]] int64_t read_bytes() const { return static_cast<int64_t>(block_.size()) * 4; }

 private:
  int lanes_;
  std::vector<float> block_;
  std::vector<double> peaks_, reads_;
};

enum class Caches {
  warm,         // each call is repeated: once unmeasured, then until it took some milliseconds
  as_in_order,  // calls follow one another, as in the whole that they are parts of
};

// Times calls[i] for rows[i], in rounds over all of them, with the limits sampled between rounds.
void measure(std::vector<Row>& rows, const std::vector<std::function<void()>>& calls, int rounds,
             Caches caches, Limits& limits);

enum class Form { table, json };
// Prints to stdout: a table with a line about the machine, or one JSON object per line.
void print(const std::vector<Row>& rows, const Limits& limits, int threads,
           const std::string& target, Form form);

}  // namespace cnnc
