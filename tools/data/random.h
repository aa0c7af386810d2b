// Random numbers that are the same on every machine and with every standard library.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <random>
#include <vector>

namespace cnnc {

// std::mt19937_64, seeded through std::seed_seq with the halves of each number, low halves first.
[[nodiscard]] inline std::mt19937_64 engine_of(std::initializer_list<uint64_t> numbers) {
  std::vector<uint32_t> halves;
  for (const uint64_t number : numbers) {
    halves.push_back(static_cast<uint32_t>(number));
    halves.push_back(static_cast<uint32_t>(number >> 32));
  }
  std::seed_seq seeds(halves.begin(), halves.end());
  return std::mt19937_64(seeds);
}

// Uniform in 0..bound-1.
inline uint64_t draw_below(std::mt19937_64& engine, uint64_t bound) {
  const uint64_t rejected = (0 - bound) % bound;  // 2^64 mod bound
  for (;;) {
    const uint64_t draw = engine();
    if (draw <= UINT64_MAX - rejected) return draw % bound;
  }
}

// Uniform from 0 up to, but not, 1.
inline double draw_unit(std::mt19937_64& engine) {
  return static_cast<double>(engine() >> 11) * 0x1.0p-53;
}

}  // namespace cnnc
