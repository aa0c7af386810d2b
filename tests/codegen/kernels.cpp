#include "tests/codegen/kernels.h"

#include <algorithm>
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
  program.kernels = {wave_kernel(prefix + "_wave", rows * n, 2.0f, options),
                     row_sum_kernel(prefix + "_sum", rows, n, options)};

  Constant constant;
  constant.name = prefix + "_weights";
  constant.bytes.assign(static_cast<size_t>(count) * 4, '\0');
  program.constants = {constant};

  Entry run;
  run.name = prefix + "_run";
  run.parameters = {{"input", count * 4, 4, ParameterRole::block},
                    {"output", rows * 4, 4, ParameterRole::block},
                    {"workspace", count * 4, 64, ParameterRole::workspace}};
  run.bodies = {{{{0, {buffer(kPointer, 0, {count}), buffer(kPointer, 2, {count})}},
                  {1, {buffer(kPointer, 2, {n, rows}), buffer(kPointer, 1, {rows})}}},
                 0,
                 1}};
  Entry bias;
  bias.name = prefix + "_bias";
  bias.parameters = {{"output", count * 4, 4, ParameterRole::block},
                     {"unused", 0, 64, ParameterRole::block}};
  bias.bodies = {
      {{{0, {buffer(BufferBase::constant, 0, {count}), buffer(kPointer, 0, {count})}}}, 0, 1}};
  program.entries = {run, bias};
  return program;
}

Program network_program(const std::string& prefix, int rows, int n, const std::vector<int>& batches,
                        const std::vector<std::string>& targets) {
  constexpr BufferBase kPointer = BufferBase::pointer;
  const int64_t count = int64_t{rows} * n;
  Program program;
  program.name = prefix;
  program.versions.clear();
  program.build_id = 0x123456789abcdef0;
  Entry run;
  run.name = prefix + "_run_images";
  run.form = EntryForm::any_count;
  int64_t largest = 1;
  for (size_t k = 0; k < targets.size(); ++k) {
    const auto version = static_cast<int32_t>(k);
    program.versions.push_back({targets[k], ""});
    KernelOptions options;
    options.target = targets[k];
    for (int64_t batch : batches) {
      const std::string suffix = "." + targets[k] + "." + std::to_string(batch);
      const auto first = static_cast<int32_t>(program.kernels.size());
      program.kernels.push_back(
          wave_kernel(prefix + "_wave" + suffix, static_cast<int>(count * batch), 2.0f, options));
      program.kernels.push_back(
          row_sum_kernel(prefix + "_sum" + suffix, static_cast<int>(rows * batch), n, options));
      for (size_t i = program.kernels.size() - 2; i < program.kernels.size(); ++i) {
        program.kernels[i].version = version;
      }
      const std::vector<KernelCall> calls = {
          {first, {buffer(kPointer, 0, {count * batch}), buffer(kPointer, 2, {count * batch})}},
          {first + 1,
           {buffer(kPointer, 2, {n, rows * batch}), buffer(kPointer, 1, {rows * batch})}}};
      run.bodies.push_back({calls, version, batch});
      largest = std::max(largest, batch);
    }
  }
  const auto aligned = [](int64_t bytes) { return (bytes + 63) / 64 * 64; };
  run.staging_offset = aligned(largest * count * 4);
  const int64_t workspace =
      run.staging_offset + aligned(largest * count * 4) + aligned(largest * rows * 4);
  run.parameters = {{"input", count * 4, 4, ParameterRole::input},
                    {"output", rows * 4, 4, ParameterRole::output},
                    {"workspace", workspace, 64, ParameterRole::workspace}};
  program.entries = {run};
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
