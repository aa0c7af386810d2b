// The machine's limits, sampled: the rate of fused multiply-adds and of reads.
#pragma once
#include <cstdint>

namespace cnnc {

// fp32 operations per nanosecond (GFLOP/s) of one core, for vectors of that many lanes (16, 8 or
// 4), over a sample of some 50 microseconds. 0 where the processor lacks such vectors.
double sample_peak_gflops(int lanes);

// Bytes per nanosecond (GB/s) that one core reads from a block of that size, over one pass.
double sample_read_gbytes(const float* block, int64_t bytes);

}  // namespace cnnc
