#include "tests/codegen/kernels.h"

#include <cmath>
#include <stdexcept>

#include <Halide.h>

#include "tests/support/temp_folder.h"

namespace cnnc::test {
namespace {

Halide::Target target_of(const KernelOptions& options) {
  Halide::Target target(options.target);
  for (Halide::Target::Feature feature :
       {Halide::Target::NoRuntime, Halide::Target::NoBoundsQuery, Halide::Target::UserContext}) {
    target.set_feature(feature);
  }
  if (!options.checked) target.set_feature(Halide::Target::NoAsserts);
  return target;
}

KernelCode compile(const std::string& name, const KernelOptions& options, Halide::Func result,
                   const std::vector<Halide::Argument>& arguments) {
  KernelCode code;
  code.name = name;
  code.function = "halide_made_" + name;
  const TempFolder folder;
  try {
    const Halide::Module module =
        result.compile_to_module(arguments, code.function, target_of(options));
    module.compile({{Halide::OutputFileType::bitcode, folder / "kernel.bc"}});
  } catch (const Halide::Error& failure) {  // no std::exception
    throw std::runtime_error(failure.what());
  }
  code.bitcode = file_bytes(folder / "kernel.bc");
  return code;
}

void set_shape(Halide::OutputImageParam parameter, const std::vector<int>& extents) {
  int stride = 1;
  for (size_t i = 0; i < extents.size(); ++i) {
    parameter.dim(static_cast<int>(i)).set_bounds(0, extents[i]).set_stride(stride);
    stride *= extents[i];
  }
}

float wave(float value, float factor) { return std::exp(value) + std::sin(value) * factor; }

}  // namespace

KernelCode wave_kernel(const std::string& name, int n, float factor, const KernelOptions& options) {
  Halide::ImageParam a(Halide::Float(32), 1, "a");
  Halide::Func out("out");
  Halide::Var i("i");
  out(i) = exp(a(i)) + sin(a(i)) * factor;
  out.vectorize(i, 8, Halide::TailStrategy::GuardWithIf);
  set_shape(a, {n});
  set_shape(out.output_buffer(), {n});
  return compile(name, options, out, {a});
}

KernelCode row_sum_kernel(const std::string& name, int rows, int n, const KernelOptions& options) {
  Halide::ImageParam a(Halide::Float(32), 2, "a");
  Halide::Func sum("sum"), out("out");
  Halide::Var y("y");
  const Halide::RDom x(0, n);
  sum(y) += a(x, y);
  out(y) = sum(y);
  sum.compute_at(out, y);
  out.parallel(y);
  set_shape(a, {n, rows});
  set_shape(out.output_buffer(), {rows});
  return compile(name, options, out, {a});
}

KernelCode heap_kernel(const std::string& name, int n) {
  Halide::ImageParam a(Halide::Float(32), 1, "a");
  Halide::Func twice("twice"), out("out");
  Halide::Var i("i");
  twice(i) = a(i) * 2.0f;
  out(i) = twice(n - 1 - i);
  twice.compute_root().store_in(Halide::MemoryType::Heap);
  set_shape(a, {n});
  set_shape(out.output_buffer(), {n});
  return compile(name, {}, out, {a});
}

BufferArgument buffer(BufferBase base, int32_t index, const std::vector<int64_t>& extents,
                      int64_t offset) {
  BufferArgument argument;
  argument.base = base;
  argument.index = index;
  argument.offset = offset;
  argument.extents = extents;
  int64_t stride = 1;
  for (int64_t extent : extents) {
    argument.strides.push_back(stride);
    stride *= extent;
  }
  return argument;
}

Program wave_program(const std::string& prefix, int rows, int n, const KernelOptions& options) {
  constexpr BufferBase kPointer = BufferBase::pointer;
  const int64_t count = int64_t{rows} * n;
  Program program;
  program.name = prefix;
  program.target = options.target;
  program.kernels = {wave_kernel(prefix + "_wave", rows * n, 2.0f, options),
                     row_sum_kernel(prefix + "_sum", rows, n, options)};

  Constant constant;
  constant.name = prefix + "_weights";
  constant.bytes.assign(static_cast<size_t>(count) * 4, '\0');
  program.constants = {constant};

  Entry run;
  run.name = prefix + "_run";
  run.parameters = {{"input", count * 4, 4}, {"output", rows * 4, 4}, {"workspace", count * 4, 64}};
  run.calls = {{0, {buffer(kPointer, 0, {count}), buffer(kPointer, 2, {count})}},
               {1, {buffer(kPointer, 2, {n, rows}), buffer(kPointer, 1, {rows})}}};
  Entry bias;
  bias.name = prefix + "_bias";
  bias.parameters = {{"output", count * 4, 4}, {"unused", 0, 64}};
  bias.calls = {{0, {buffer(BufferBase::constant, 0, {count}), buffer(kPointer, 0, {count})}}};
  program.entries = {run, bias};
  return program;
}

std::vector<float> wave_rows(const std::vector<float>& input, int rows, int n) {
  std::vector<float> output(static_cast<size_t>(rows));
  for (int y = 0; y < rows; ++y) {
    for (int x = 0; x < n; ++x) output[y] += wave(input[y * n + x], 2.0f);
  }
  return output;
}

}  // namespace cnnc::test
