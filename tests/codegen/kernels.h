// Small kernels and programs for the tests of the code generator.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "compiler/codegen/program.h"

namespace cnnc::test {

// The same target string for all kernels of a program; "host" is this machine.
struct KernelOptions {
  std::string target = "host";
  bool checked = false;  // keeps Halide's checks of its arguments
};

// out[i] = exp(a[i]) + sin(a[i]) * factor for i in [0, n).
KernelCode wave_kernel(const std::string& name, int n, float factor,
                       const KernelOptions& options = {});

// out[y] = sum over x of a[y][x], with rows in parallel, n columns.
KernelCode row_sum_kernel(const std::string& name, int rows, int n,
                          const KernelOptions& options = {});

// out[i] = sum over j <= i of a[j], with a temporary that needs a heap.
KernelCode heap_kernel(const std::string& name, int n);

// A dense buffer argument: extents innermost first.
BufferArgument buffer(BufferBase base, int32_t index, const std::vector<int64_t>& extents,
                      int64_t offset = 0);

// `prefix`_run(context, input[rows][n], output[rows], workspace[rows * n]):
// output[y] = sum over x of wave(input[y][x]); `prefix`_bias(context, output[n]) = wave(constant).
Program wave_program(const std::string& prefix, int rows, int n, const KernelOptions& options = {});

// `prefix`_run_images, which takes any number of images [rows][n], in batches of these sizes, for
// each of these targets, the best first; each result is [rows], as wave_program's.
Program network_program(const std::string& prefix, int rows, int n, const std::vector<int>& batches,
                        const std::vector<std::string>& targets = {"host"});

// What wave_program's entries compute, with plain loops.
std::vector<float> wave_rows(const std::vector<float>& input, int rows, int n);

}  // namespace cnnc::test
