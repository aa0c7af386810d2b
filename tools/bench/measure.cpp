#include "tools/bench/measure.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>

#include <nlohmann/json.hpp>

#include "tools/bench/peak.h"

namespace cnnc {
namespace {

constexpr double kWarmMs = 2;     // of repeated calls in a round
constexpr int kMostRepeats = 50;  // and their number

double now_ms() {
  return std::chrono::duration<double, std::milli>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double timed(const std::function<void()>& call) {
  const double begin = now_ms();
  call();
  return now_ms() - begin;
}

double per_ms(int64_t count, double ms) {
  return ms > 0 ? static_cast<double>(count) / ms / 1e6 : 0;
}

// Numbers of a row that both forms print.
struct Figures {
  double ms, least_ms, gflops, of_peak, gbytes_s, of_read;
};

Figures figures(const Row& row, const Limits& limits, int threads) {
  Figures f{};
  f.ms = row.median_ms();
  f.least_ms = row.least_ms();
  f.gflops = per_ms(row.flops, f.ms);
  f.gbytes_s = per_ms(row.bytes, f.ms);
  if (limits.peak_gflops() > 0) f.of_peak = f.gflops / (limits.peak_gflops() * threads);
  if (limits.read_gbytes_s() > 0) f.of_read = f.gbytes_s / (limits.read_gbytes_s() * threads);
  return f;
}

void print_json(const std::vector<Row>& rows, const Limits& limits, int threads,
                const std::string& target) {
  for (const Row& row : rows) {
    const Figures f = figures(row, limits, threads);
    nlohmann::ordered_json line;
    line["bench"] = row.bench;
    line["model"] = row.model;
    line["kernel"] =
        row.kernel.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(row.kernel);
    if (!row.schedule.empty()) line["schedule"] = row.schedule;
    line["target"] = target;
    line["batch"] = row.batch;
    line["threads"] = threads;
    line["ms"] = f.ms;
    line["ms_min"] = f.least_ms;
    line["gflops"] = f.gflops;
    line["peak_gflops"] = limits.peak_gflops();
    line["of_peak"] = f.of_peak;
    line["gbytes_s"] = f.gbytes_s;
    line["read_gbytes_s"] = limits.read_gbytes_s();
    line["of_read"] = f.of_read;
    std::cout << line.dump() << "\n";
  }
}

void print_table(const std::vector<Row>& rows, const Limits& limits, int threads,
                 const std::string& target) {
  std::printf("one core: peak %.1f GFLOP/s (best %.1f), reads %.1f GB/s from a block of %.1f MB\n",
              limits.peak_gflops(), limits.best_peak_gflops(), limits.read_gbytes_s(),
              static_cast<double>(limits.read_bytes()) / 1e6);
  if (rows.empty()) return;
  std::printf("threads %d, target %s\n", threads, target.c_str());
  size_t width = 0;
  for (const Row& row : rows) {
    width = std::max(width, row.kernel.empty() ? row.model.size() : row.kernel.size());
  }
  std::printf("%-8s %-*s %-24s %10s %10s %9s %7s %7s %7s\n", "bench", static_cast<int>(width), "of",
              "schedule", "ms", "min ms", "GFLOP/s", "of peak", "GB/s", "of read");
  double sum = 0;
  bool are_parts = false;  // of a whole, whose times add up
  for (const Row& row : rows) {
    const Figures f = figures(row, limits, threads);
    sum += f.ms;
    are_parts |= row.bytes > 0 && rows.size() > 1;
    std::printf("%-8s %-*s %-24s %10.4f %10.4f", row.bench.c_str(), static_cast<int>(width),
                (row.kernel.empty() ? row.model : row.kernel).c_str(), row.schedule.c_str(), f.ms,
                f.least_ms);
    if (row.flops > 0) std::printf(" %9.1f %5.1f %%", f.gflops, 100 * f.of_peak);
    if (row.bytes > 0) std::printf(" %7.1f %5.1f %%", f.gbytes_s, 100 * f.of_read);
    std::printf("\n");
  }
  if (are_parts) std::printf("sum %.4f ms\n", sum);
}

}  // namespace

double Row::median_ms() const { return median(ms); }
double Row::least_ms() const { return ms.empty() ? 0 : *std::min_element(ms.begin(), ms.end()); }

Limits::Limits(const Machine& machine, int64_t resident_bytes) : lanes_(machine.lanes) {
  int64_t bytes = machine.l1_bytes / 2;
  if (resident_bytes > machine.l1_bytes) bytes = machine.l2_bytes / 2;
  if (resident_bytes > machine.l2_bytes) bytes = machine.l2_bytes * 4;
  block_.assign(static_cast<size_t>(bytes) / sizeof(float), 1.0F);
}

void Limits::sample() {
  peaks_.push_back(sample_peak_gflops(lanes_));
  // The second pass is the one that finds the block in its cache.
  sample_read_gbytes(block_.data(), read_bytes());
  reads_.push_back(sample_read_gbytes(block_.data(), read_bytes()));
}

double Limits::peak_gflops() const { return median(peaks_); }
double Limits::best_peak_gflops() const {
  return peaks_.empty() ? 0 : *std::max_element(peaks_.begin(), peaks_.end());
}
double Limits::read_gbytes_s() const { return median(reads_); }

void measure(std::vector<Row>& rows, const std::vector<std::function<void()>>& calls, int rounds,
             Caches caches, Limits& limits) {
  constexpr int kUnmeasuredRounds = 2;
  for (int round = -kUnmeasuredRounds; round < rounds; ++round) {
    limits.sample();
    if (caches == Caches::as_in_order) {
      for (const std::function<void()>& call : calls) call();
    }
    for (size_t i = 0; i < calls.size(); ++i) {
      std::vector<double> ms;
      if (caches == Caches::warm) calls[i]();
      double spent = 0;
      do {
        ms.push_back(timed(calls[i]));
        spent += ms.back();
      } while (caches == Caches::warm && spent < kWarmMs && ms.size() < kMostRepeats);
      if (round >= 0) rows[i].ms.insert(rows[i].ms.end(), ms.begin(), ms.end());
    }
  }
}

void print(const std::vector<Row>& rows, const Limits& limits, int threads,
           const std::string& target, Form form) {
  if (form == Form::json) {
    Row peak;
    peak.bench = "peak";
    return print_json(rows.empty() ? std::vector<Row>{peak} : rows, limits, threads, target);
  }
  print_table(rows, limits, threads, target);
}

}  // namespace cnnc
