#include "tools/bench/problem.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>
#include <sstream>

#include "compiler/support/files.h"

namespace cnnc {
namespace {

using Fields = std::map<std::string, int64_t>;

int64_t outputs(int64_t in, int64_t padding, int64_t kernel, int64_t dilation, int64_t stride) {
  return (in + padding - (kernel - 1) * dilation - 1) / stride + 1;
}

Diagnostics wrong(const std::string& text, const std::string& what) {
  return {error("problem \"" + text + "\": " + what)};
}

Result<Fields> read_fields(const std::string& text) {
  static const std::vector<std::string> known = {"g",  "mb", "ic", "ih", "iw", "oc", "oh", "ow",
                                                 "kh", "kw", "sh", "sw", "ph", "pw", "dh", "dw"};
  Fields fields;
  size_t i = 0;
  const auto is = [&](int (*kind)(int)) {
    return i < text.size() && kind(static_cast<unsigned char>(text[i])) != 0;
  };
  while (i < text.size()) {
    if (text[i] == '_') {
      ++i;
      continue;
    }
    std::string name;
    while (is(std::isalpha)) name += text[i++];
    if (name == "n" && i < text.size() && text[i] == '"') break;
    std::string digits;
    while (is(std::isdigit)) digits += text[i++];
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return wrong(text, "found \"" + name +
                             "\", expected one of g, mb, ic, ih, iw, oc, oh, ow, kh, kw, sh, sw, "
                             "ph, pw, dh, dw");
    }
    if (digits.empty() || digits.size() > 9) {
      return wrong(text, "\"" + name + "\" needs a number of up to 9 digits");
    }
    if (!fields.emplace(name, std::stoll(digits)).second) {
      return wrong(text, "\"" + name + "\" is given twice");
    }
  }
  return fields;
}

struct Axis {
  int64_t in = 0, kernel = 1, stride = 1, dilation = 1, before = 0, after = 0;
};

// The axis whose fields end in `own`; what is absent is as in the axis of `other`.
Result<Axis> read_axis(const std::string& text, const Fields& fields, char own, char other) {
  const auto find = [&](const std::string& prefix) -> const int64_t* {
    for (const char end : {own, other}) {
      const auto found = fields.find(prefix + end);
      if (found != fields.end()) return &found->second;
    }
    return nullptr;
  };
  Axis axis;
  const int64_t* in = find("i");
  const int64_t* kernel = find("k");
  if (in == nullptr) return wrong(text, "no ih");
  if (kernel == nullptr) return wrong(text, "no kh");
  axis.in = *in;
  axis.kernel = *kernel;
  if (const int64_t* stride = find("s")) axis.stride = *stride;
  if (const int64_t* dilation = find("d")) axis.dilation = *dilation + 1;
  if (axis.in < 1 || axis.kernel < 1 || axis.stride < 1) {
    return wrong(text, "sizes and strides must be 1 or more");
  }
  const int64_t span = (axis.kernel - 1) * axis.dilation + 1;
  const int64_t* out = find("o");
  const int64_t* padding = find("p");
  const int64_t total =
      out == nullptr ? 0 : std::max<int64_t>(0, (*out - 1) * axis.stride - axis.in + span);
  axis.before = padding != nullptr ? *padding : total / 2;
  axis.after = out != nullptr ? std::max<int64_t>(0, total - axis.before) : axis.before;
  const int64_t found =
      outputs(axis.in, axis.before + axis.after, axis.kernel, axis.dilation, axis.stride);
  if (axis.in + axis.before + axis.after < span) {
    return wrong(text, "the kernel is larger than the padded input");
  }
  if (out != nullptr && found != *out) {
    return wrong(text, "an output of " + std::to_string(*out) + " does not follow, but " +
                           std::to_string(found));
  }
  return axis;
}

AttrValue both(int64_t vertical, int64_t horizontal) {
  return std::vector<int64_t>{vertical, horizontal};
}

ParameterSpec parameter(const std::string& name, Shape shape) {
  ParameterSpec spec;
  spec.name = name;
  spec.shape = std::move(shape);
  return spec;
}

}  // namespace

int64_t ConvProblem::out_h() const {
  return outputs(height, top + bottom, kernel_h, dilation_h, stride_h);
}
int64_t ConvProblem::out_w() const {
  return outputs(width, left + right, kernel_w, dilation_w, stride_w);
}

const char* to_string(Direction direction) {
  switch (direction) {
    case Direction::forward:
      return "fwd";
    case Direction::backward_data:
      return "bwd_d";
    case Direction::backward_weights:
      return "bwd_w";
  }
  return "?";
}

Result<Direction> parse_direction(const std::string& text) {
  for (const Direction direction :
       {Direction::forward, Direction::backward_data, Direction::backward_weights}) {
    if (text == to_string(direction)) return direction;
  }
  return Diagnostics{error("direction \"" + text + "\" is unknown; expected fwd, bwd_d or bwd_w")};
}

Result<ConvProblem> parse_problem(const std::string& text) {
  const Result<Fields> fields = read_fields(text);
  if (!fields) return fields.diagnostics();
  const auto get = [&](const std::string& name, int64_t otherwise) {
    const auto found = fields->find(name);
    return found == fields->end() ? otherwise : found->second;
  };
  ConvProblem problem;
  problem.groups = get("g", 1);
  problem.batch = get("mb", 2);
  problem.in = get("ic", 0);
  problem.out = get("oc", 0);
  if (problem.groups < 1 || problem.batch < 1 || problem.in < 1 || problem.out < 1) {
    return wrong(text, "ic and oc must be given, and all of g, mb, ic and oc be 1 or more");
  }
  if (problem.in % problem.groups != 0 || problem.out % problem.groups != 0) {
    return wrong(text, "ic and oc must be multiples of g");
  }
  const Result<Axis> y = read_axis(text, *fields, 'h', 'w');
  if (!y) return y.diagnostics();
  const Result<Axis> x = read_axis(text, *fields, 'w', 'h');
  if (!x) return x.diagnostics();
  problem.height = y->in;
  problem.width = x->in;
  problem.kernel_h = y->kernel;
  problem.kernel_w = x->kernel;
  problem.stride_h = y->stride;
  problem.stride_w = x->stride;
  problem.dilation_h = y->dilation;
  problem.dilation_w = x->dilation;
  problem.top = y->before;
  problem.left = x->before;
  problem.bottom = y->after;
  problem.right = x->after;
  return problem;
}

std::string to_string(const ConvProblem& p) {
  std::ostringstream text;
  if (p.groups != 1) text << "g" << p.groups;
  text << "mb" << p.batch << "ic" << p.in << "ih" << p.height;
  if (p.width != p.height) text << "iw" << p.width;
  text << "oc" << p.out << "oh" << p.out_h();
  if (p.out_w() != p.out_h()) text << "ow" << p.out_w();
  text << "kh" << p.kernel_h;
  if (p.kernel_w != p.kernel_h) text << "kw" << p.kernel_w;
  if (p.stride_h != 1 || p.stride_w != 1) text << "sh" << p.stride_h;
  if (p.stride_w != p.stride_h) text << "sw" << p.stride_w;
  text << "ph" << p.top;
  if (p.left != p.top) text << "pw" << p.left;
  if (p.dilation_h != 1 || p.dilation_w != 1) text << "dh" << p.dilation_h - 1;
  if (p.dilation_w != p.dilation_h) text << "dw" << p.dilation_w - 1;
  return text.str();
}

Result<std::vector<ConvProblem>> problems_of(const std::string& text_or_path) {
  std::string text = text_or_path;
  if (std::filesystem::exists(text_or_path)) {
    Result<std::string> content = read_file(text_or_path);
    if (!content) return content.diagnostics();
    text = std::move(*content);
  }
  std::vector<ConvProblem> problems;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    line = line.substr(0, line.find('#'));
    line.erase(std::remove_if(line.begin(), line.end(),
                              [](unsigned char c) { return std::isspace(c) != 0; }),
               line.end());
    if (line.empty()) continue;
    Result<ConvProblem> problem = parse_problem(line);
    if (!problem) return problem.diagnostics();
    problems.push_back(*problem);
  }
  return problems;
}

Attrs window_attrs(const ConvProblem& p) {
  Attrs attrs;
  attrs.set("kernel_size", both(p.kernel_h, p.kernel_w));
  attrs.set("stride", both(p.stride_h, p.stride_w));
  attrs.set("padding", std::vector<int64_t>{p.top, p.left, p.bottom, p.right});
  attrs.set("dilation", both(p.dilation_h, p.dilation_w));
  attrs.set("groups", p.groups);
  return attrs;
}

Graph graph_of(const ConvProblem& p, Direction direction) {
  const Type input = {DType::f32, {p.batch, p.in, p.height, p.width}};
  const Type output = {DType::f32, {p.batch, p.out, p.out_h(), p.out_w()}};
  const ParameterSpec weight =
      parameter("weight", {p.out, p.in / p.groups, p.kernel_h, p.kernel_w});
  Attrs attrs = window_attrs(p);
  Graph graph;
  switch (direction) {
    case Direction::forward: {
      const ValueId images = graph.add_input("input", input);
      const ValueId kernel = graph.add_parameter("weight", weight);
      const ValueId bias =
          p.bias ? graph.add_parameter("bias", parameter("bias", {p.out})) : kNoValue;
      attrs.set("out_channels", p.out);
      attrs.set("bias", p.bias);
      graph.outputs = graph.add("Conv2d", "conv", attrs, {images, kernel, bias});
      break;
    }
    case Direction::backward_data: {
      const ValueId gradient = graph.add_input("gradient", output);
      const ValueId kernel = graph.add_parameter("weight", weight);
      attrs.set("input_height", p.height);
      attrs.set("input_width", p.width);
      graph.outputs = graph.add("Conv2dInputGrad", "input_grad", attrs, {gradient, kernel});
      break;
    }
    case Direction::backward_weights: {
      const ValueId gradient = graph.add_input("gradient", output);
      const ValueId images = graph.add_input("input", input);
      graph.outputs = graph.add("Conv2dWeightGrad", "weight_grad", attrs, {gradient, images});
      break;
    }
  }
  return graph;
}

}  // namespace cnnc
