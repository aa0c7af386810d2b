#include "tools/bench/peak.h"

#include <chrono>

namespace cnnc {
namespace {

double now_ns() {
  return std::chrono::duration<double, std::nano>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Chains enough to hide the latency of two FMA units. noinline: the loop must not be moved.
template <int kLanes>
struct Vectors {
  typedef float type __attribute__((vector_size(kLanes * 4)));
};

constexpr int kSteps = 4000;

// The body of a sample; a macro, since a template has no target of its own.
#define CNNC_PEAK(NAME, LANES, CHAINS, TARGET)                                                  \
  __attribute__((noinline, target(TARGET), optimize("O3", "fp-contract=fast"))) double NAME() { \
    constexpr int lanes = (LANES), chains = (CHAINS);                                           \
    using Vector = Vectors<lanes>::type;                                                        \
    Vector sums[chains];                                                                        \
    Vector factor, term;                                                                        \
    for (int l = 0; l < lanes; ++l) {                                                           \
      factor[l] = 0.999999f;                                                                    \
      term[l] = 0.000001f;                                                                      \
    }                                                                                           \
    for (auto& sum : sums) sum = term;                                                          \
    asm volatile("" : "+x"(factor), "+x"(term));                                                \
    const double begin = now_ns();                                                              \
    for (int i = 0; i < kSteps; ++i) {                                                          \
      _Pragma("GCC unroll 32") for (auto& sum : sums) sum = sum * factor + term;                \
    }                                                                                           \
    const double end = now_ns();                                                                \
    for (auto& sum : sums) asm volatile("" : : "x"(sum));                                       \
    return 2.0 * lanes * chains * kSteps / (end - begin);                                       \
  }

#if defined(__x86_64__)
CNNC_PEAK(peak16, 16, 20, "avx512f")
CNNC_PEAK(peak8, 8, 12, "avx2,fma")
CNNC_PEAK(peak4, 4, 12, "sse4.1")
#endif

}  // namespace

double sample_peak_gflops(int lanes) {
#if defined(__x86_64__)
  if (lanes == 16 && __builtin_cpu_supports("avx512f")) return peak16();
  if (lanes == 8 && __builtin_cpu_supports("avx2")) return peak8();
  if (lanes == 4) return peak4();
#endif
  return 0;
}

// Vectors as wide as the machine's, whatever the program is compiled for.
#if defined(__x86_64__)
__attribute__((target_clones("avx512f", "avx2", "default")))
#endif
__attribute__((optimize("O3"))) double sample_read_gbytes(const float* block, int64_t bytes) {
  constexpr int kSums = 256;
  const int64_t count = bytes / 4;
  const double begin = now_ns();
  float sums[kSums] = {};
  for (int64_t i = 0; i + kSums <= count; i += kSums) {
    for (int k = 0; k < kSums; ++k) sums[k] += block[i + k];
  }
  const double end = now_ns();
  for (float& sum : sums) asm volatile("" : "+m"(sum));
  return static_cast<double>(bytes) / (end - begin);
}

}  // namespace cnnc
