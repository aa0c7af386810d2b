// cnnc-bench-onednn: times oneDNN on the problems of cnnc-bench, in the same way and with the same
// output. Built where CMake finds oneDNN (package dnnl).
#include <memory>
#include <unordered_map>

#include <dnnl.hpp>

#include "tools/bench/measure.h"
#include "tools/bench/problem.h"
#include "tools/cli/tool.h"

// Of the OpenMP library that oneDNN uses; its header comes with one compiler only.
extern "C" void omp_set_num_threads(int threads);

namespace cnnc {
namespace {

using dnnl::memory;

struct Options {
  std::vector<std::string> problems;
  std::vector<std::string> directions = {"fwd"};
  int64_t batch = 0;
  int threads = 1;
  int lanes = 16;
  int repeat = 30;
  bool json = false;
};

// A primitive that is ready to run.
struct Prepared {
  dnnl::primitive primitive;
  std::unordered_map<int, memory> arguments;
  std::string implementation;
};

class Peer {
 public:
  Prepared prepare(const ConvProblem& p, Direction direction) {
    const auto any = [](const memory::dims& dims) {
      return memory::desc(dims, memory::data_type::f32, memory::format_tag::any);
    };
    const memory::desc input = any({p.batch, p.in, p.height, p.width});
    const memory::desc output = any({p.batch, p.out, p.out_h(), p.out_w()});
    const memory::desc weights =
        p.groups == 1 ? any({p.out, p.in, p.kernel_h, p.kernel_w})
                      : any({p.groups, p.out / p.groups, p.in / p.groups, p.kernel_h, p.kernel_w});
    const memory::desc bias({p.out}, memory::data_type::f32, memory::format_tag::a);
    const memory::dims strides = {p.stride_h, p.stride_w};
    const memory::dims dilations = {p.dilation_h - 1, p.dilation_w - 1};
    const memory::dims begin = {p.top, p.left}, end = {p.bottom, p.right};
    const auto algorithm = dnnl::algorithm::convolution_direct;
    const dnnl::convolution_forward::primitive_desc forward(
        engine_,
        direction == Direction::forward ? dnnl::prop_kind::forward_inference
                                        : dnnl::prop_kind::forward_training,
        algorithm, input, weights, bias, output, strides, dilations, begin, end);
    switch (direction) {
      case Direction::forward:
        return {dnnl::convolution_forward(forward),
                {{DNNL_ARG_SRC, block(forward.src_desc())},
                 {DNNL_ARG_WEIGHTS, block(forward.weights_desc())},
                 {DNNL_ARG_BIAS, block(forward.bias_desc())},
                 {DNNL_ARG_DST, block(forward.dst_desc())}},
                forward.impl_info_str()};
      case Direction::backward_data: {
        const dnnl::convolution_backward_data::primitive_desc backward(
            engine_, algorithm, input, weights, output, strides, dilations, begin, end, forward);
        return {dnnl::convolution_backward_data(backward),
                {{DNNL_ARG_DIFF_DST, block(backward.diff_dst_desc())},
                 {DNNL_ARG_WEIGHTS, block(backward.weights_desc())},
                 {DNNL_ARG_DIFF_SRC, block(backward.diff_src_desc())}},
                backward.impl_info_str()};
      }
      case Direction::backward_weights:
        break;
    }
    const dnnl::convolution_backward_weights::primitive_desc backward(
        engine_, algorithm, input, weights, output, strides, dilations, begin, end, forward);
    return {dnnl::convolution_backward_weights(backward),
            {{DNNL_ARG_DIFF_DST, block(backward.diff_dst_desc())},
             {DNNL_ARG_SRC, block(backward.src_desc())},
             {DNNL_ARG_DIFF_WEIGHTS, block(backward.diff_weights_desc())}},
            backward.impl_info_str()};
  }

  void run(const Prepared& prepared) {
    prepared.primitive.execute(stream_, prepared.arguments);
    stream_.wait();
  }

 private:
  memory block(const memory::desc& desc) {
    memory result(desc, engine_);
    auto* values = static_cast<float*>(result.get_data_handle());
    for (size_t i = 0; i < desc.get_size() / sizeof(float); ++i) {
      values[i] = static_cast<float>(i % 17) / 17 - 0.5F;
    }
    return result;
  }

  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
};

int64_t flops_of(const ConvProblem& p) {
  return 2 * p.batch * p.out * p.out_h() * p.out_w() * (p.in / p.groups) * p.kernel_h * p.kernel_w;
}

Result<std::vector<Row>> measure_all(const Options& options, Limits& limits) {
  std::vector<Row> rows;
  for (const std::string& text : options.problems) {
    Result<std::vector<ConvProblem>> problems = problems_of(text);
    if (!problems) return problems.diagnostics();
    for (ConvProblem& problem : *problems) {
      if (options.batch > 0) problem.batch = options.batch;
      for (const std::string& name : options.directions) {
        Peer peer;
        const Prepared prepared = peer.prepare(problem, *parse_direction(name));
        std::vector<Row> row = {{name,
                                 to_string(problem),
                                 "",
                                 prepared.implementation,
                                 problem.batch,
                                 flops_of(problem),
                                 0,
                                 {}}};
        measure(row, {[&] { peer.run(prepared); }}, options.repeat, Caches::warm, limits);
        rows.push_back(std::move(row[0]));
      }
    }
  }
  return rows;
}

int run(int argc, char** argv) {
  Options options;
  CLI::App app("Measures oneDNN's convolutions as cnnc-bench kernels --problem measures ours.",
               "cnnc-bench-onednn");
  app.add_option("--problem", options.problems, "convolutions, or files of them")
      ->required()
      ->option_text("TEXT|FILE...");
  app.add_option("--dir", options.directions, "directions (fwd)")
      ->delimiter(',')
      ->check(CLI::IsMember(std::vector<std::string>{"fwd", "bwd_d", "bwd_w"}))
      ->option_text("DIR,...");
  app.add_option("--batch", options.batch, "images of a call (the problem's)")
      ->check(cli::whole_number(1, 65536))
      ->option_text("N");
  app.add_option("--threads", options.threads, "threads (1)")
      ->check(cli::whole_number(1, 1024))
      ->option_text("N");
  app.add_option("--repeat", options.repeat, "rounds (30)")
      ->check(cli::whole_number(1, 1000000))
      ->option_text("N");
  app.add_option("--lanes", options.lanes, "of the vectors whose peak is sampled (16)")
      ->option_text("N");
  app.add_flag("--json", options.json, "one JSON object per line");
  cli::set_help(app, "cnnc-bench-onednn [options]", "");
  if (const std::optional<int> code = cli::parse_command_line(app, argc, argv)) return *code;
  omp_set_num_threads(options.threads);
  Machine machine;
  machine.lanes = options.lanes;
  Limits limits(machine, 12 << 20);
  const Result<std::vector<Row>> rows = measure_all(options, limits);
  if (!rows) return cli::report(rows.diagnostics());
  const dnnl_version_t* version = dnnl_version();
  print(*rows, limits, options.threads,
        "oneDNN " + std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
            std::to_string(version->patch),
        options.json ? Form::json : Form::table);
  return cli::kDone;
}

}  // namespace
}  // namespace cnnc

int main(int argc, char** argv) {
  return cnnc::cli::run_tool("cnnc-bench-onednn", [&] { return cnnc::run(argc, argv); });
}
