#include "tests/conformance/run_case.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <optional>

#include "cnnc_runtime.h"
#include "compiler/codegen/jit.h"
#include "compiler/codegen/kernel.h"
#include "compiler/driver/graphs.h"
#include "compiler/driver/object_source.h"
#include "compiler/onnx/importer.h"
#include "compiler/support/aligned_memory.h"
#include "compiler/support/files.h"

namespace cnnc::test {
namespace {

constexpr const char* kEntry = "conformance";

struct Failure {
  Outcome outcome;
};

[[noreturn]] void end(Verdict verdict, const std::string& message) {
  throw Failure{{verdict, message}};
}

// What is not supported, without the path of the model.
std::string text_of(const Diagnostics& diagnostics, const std::string& path) {
  std::string text = render(diagnostics.front());
  for (const std::string& prefix : {std::string("error: "), path + ": "}) {
    if (text.rfind(prefix, 0) == 0) text = text.substr(prefix.size());
  }
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

KnownTensor tensor_at(const std::string& path) {
  const Result<std::string> bytes = read_file(path);
  if (!bytes) end(Verdict::fail, "cannot read " + path);
  Result<KnownTensor> tensor = parse_tensor(*bytes);
  if (!tensor)
    end(Verdict::refused, "a tensor of the case " + tensor.diagnostics().front().message);
  return *std::move(tensor);
}

std::map<std::string, KnownTensorPtr> inputs_of(const ConformanceCase& each,
                                                const OnnxModel& model) {
  std::map<std::string, KnownTensorPtr> result;
  for (size_t i = 0; i < model.inputs().size(); ++i) {
    const OnnxInput& input = model.inputs()[i];
    if (!each.folder.empty()) {
      result[input.name] = std::make_shared<const KnownTensor>(
          tensor_at(each.folder + "/input_" + std::to_string(i) + ".pb"));
      continue;
    }
    // As ONNX's runner generates them.
    KnownTensor ramp(ElementType::f32, input.shape);
    const auto count = static_cast<double>(ramp.count());
    for (int64_t k = 0; k < ramp.count(); ++k) ramp.set(k, static_cast<double>(k) / count);
    result[input.name] = std::make_shared<const KnownTensor>(std::move(ramp));
  }
  return result;
}

// Hands over the inputs that have to be known, as far as it goes.
OnnxImport import_of(const ConformanceCase& each, const OnnxModel& model,
                     const std::map<std::string, KnownTensorPtr>& inputs) {
  OnnxImportOptions options;
  while (true) {
    std::set<std::string> wanted;
    Result<OnnxImport> imported = model.import(options, &wanted);
    if (imported) return *std::move(imported);
    const size_t known = options.known_inputs.size();
    for (const std::string& name : wanted) options.known_inputs[name] = inputs.at(name);
    if (options.known_inputs.size() == known) {
      end(Verdict::refused, text_of(imported.diagnostics(), each.model));
    }
  }
}

std::vector<KnownTensor> run(OnnxImport& imported,
                             const std::map<std::string, KnownTensorPtr>& inputs) {
  const Result<KernelTarget> target = parse_target("host");
  if (!target) end(Verdict::fail, render(target.diagnostics()));
  ConstantTable constants([&](const std::string& name) {
    const auto given = imported.parameters.find(name);
    return given == imported.parameters.end() ? nullptr : given->second->floats().data();
  });
  Plan plan = make_plan(simplify_inference(std::move(imported.graph), &constants), kInferencePlan);
  Blueprint blueprint(kEntry, *target);
  blueprint.add_entry(kEntry, plan, Layout::channels_last,
                      [&](const std::string& name) { return constants.find(name); });
  const Result<std::string> bytes = object_bytes(blueprint, 1, /*use_cache=*/false);
  if (!bytes) end(Verdict::fail, render(bytes.diagnostics()));
  const Result<LoadedObject> object = load_object(kEntry, *bytes);
  if (!object) end(Verdict::fail, render(object.diagnostics()));

  std::vector<void*> arguments;
  for (ValueId id : plan.graph.inputs) {
    const Value& value = plan.graph.values[id];
    const KnownTensor& given = *inputs.at(value.name);
    const Shape shape = given.shape().empty() ? Shape{1} : given.shape();
    if (given.type() != ElementType::f32 || shape != value.type.shape) {
      end(Verdict::fail, "input " + value.name + " is " + to_string(given.shape()) + ", not " +
                             to_string(value.type));
    }
    arguments.push_back(const_cast<float*>(given.floats().data()));
  }
  std::vector<KnownTensor> results;
  results.reserve(plan.outputs.size());
  for (ValueId id : plan.outputs) {
    const Type& type = plan.graph.type(id);
    if (type.dtype != DType::f32) end(Verdict::refused, "an output is no float");
    KnownTensor memory(ElementType::f32, type.shape);
    std::fill(memory.floats().begin(), memory.floats().end(), std::nanf(""));
    results.push_back(std::move(memory));
    arguments.push_back(results.back().floats().data());
  }
  AlignedMemory workspace(blueprint.workspace_bytes(kEntry));
  if (blueprint.workspace_bytes(kEntry) > 0) arguments.push_back(workspace.data());
  const int status = call_entry(object->find(kEntry), nullptr, arguments);
  if (status != CNNC_OK) {
    end(Verdict::fail,
        std::string("compiled code: ") + cnnc_status_string(static_cast<cnnc_status>(status)));
  }
  return results;
}

// numpy.testing.assert_allclose
void compare(const KnownTensor& found, const KnownTensor& expected, const ConformanceCase& each,
             const std::string& output) {
  if (found.type() != expected.type()) {
    end(Verdict::fail,
        output + " is of type " + to_string(found.type()) + ", not " + to_string(expected.type()));
  }
  if (found.shape() != expected.shape()) {
    end(Verdict::fail,
        output + " is " + to_string(found.shape()) + ", not " + to_string(expected.shape()));
  }
  for (int64_t i = 0; i < found.count(); ++i) {
    const auto a = static_cast<double>(found.at(i)), b = static_cast<double>(expected.at(i));
    if (a == b || (std::isnan(a) && std::isnan(b))) continue;
    if (std::abs(a - b) <= each.atol + each.rtol * std::abs(b)) continue;
    end(Verdict::fail, output + "[" + std::to_string(i) + "] is " + std::to_string(a) + ", not " +
                           std::to_string(b));
  }
}

Outcome checked(const ConformanceCase& each) {
  const Result<OnnxModel> model = OnnxModel::load(each.model);
  if (!model) end(Verdict::refused, text_of(model.diagnostics(), each.model));
  const std::map<std::string, KnownTensorPtr> inputs = inputs_of(each, *model);
  OnnxImport imported = import_of(each, *model, inputs);
  std::vector<KnownTensor> computed;
  const bool is_known = imported.graph.outputs.empty();
  const std::vector<OnnxOutput> outputs = imported.outputs;
  if (!is_known) computed = run(imported, inputs);
  size_t next = 0;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const std::string path =
        each.folder.empty() ? each.expected : each.folder + "/output_" + std::to_string(i) + ".pb";
    KnownTensor found = outputs[i].constant ? *outputs[i].constant : computed[next++];
    if (outputs[i].is_scalar) found = found.reshaped({});
    compare(found, tensor_at(path), each, "output " + std::to_string(i));
  }
  return {is_known ? Verdict::known : Verdict::pass, ""};
}

}  // namespace

std::string known_mistake_of(const ConformanceCase& each) {
  static const std::map<std::string, std::string> kMistakes = {
      {"test_adam_multiple",
       "its outputs are computed with an epsilon of 0.01, which its model does not have"}};
  const auto found = kMistakes.find(each.name);
  return found == kMistakes.end() ? "" : found->second;
}

Outcome run_case(const ConformanceCase& each) {
  const std::string mistake = known_mistake_of(each);
  try {
    const Outcome outcome = checked(each);
    if (mistake.empty()) return outcome;
    return {Verdict::fail, "passes, though " + mistake};
  } catch (const Failure& failure) {
    const bool differs = failure.outcome.verdict == Verdict::fail && !mistake.empty();
    return differs ? Outcome{Verdict::wrong, mistake + ": " + failure.outcome.message}
                   : failure.outcome;
  } catch (const std::exception& problem) {
    return {Verdict::fail, std::string("a bug: ") + problem.what()};
  }
}

}  // namespace cnnc::test
