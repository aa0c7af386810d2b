// Tested by tests/tools/cnnc_tune_command_test.py and tests/tune/kernel_trial_test.cpp.
#include "tools/tune/kernel_trial.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>

namespace cnnc {
namespace {

// Scratch memory of a kernel may grow beyond what the rule's choice needs, by less than this.
constexpr int64_t kMoreWorkspace = int64_t{32} << 20;

double now_ms() {
  return std::chrono::duration<double, std::milli>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Terms of the sum that an element of the anchor's result is.
int64_t sum_length(const Problem& p) { return p.reduce_c * p.reduce_h * p.reduce_w; }

void draw(const Type& type, std::mt19937& random, std::vector<uint8_t>& bytes) {
  if (type.dtype == DType::f32) {
    std::uniform_real_distribution<float> element(-1, 1);
    for (size_t i = 0; i + 4 <= bytes.size(); i += 4) {
      const float value = element(random);
      std::memcpy(&bytes[i], &value, 4);
    }
    return;
  }
  // Indices and counts: small.
  const size_t width = static_cast<size_t>(byte_width(type.dtype));
  for (size_t i = 0; i < bytes.size(); i += width) bytes[i] = static_cast<uint8_t>(random() % 4);
}

Plan plan_of_kernel(Plan plan, size_t number) {
  plan.kernels = {plan.kernels[number]};
  return plan;
}

}  // namespace

KernelTrial::KernelTrial(const Workload& workload, size_t call, const KernelTarget& target,
                         const Threads& threads, uint64_t seed)
    : workload_(workload),
      target_(target),
      threads_(threads),
      plan_(plan_of_kernel(workload.plan(), call)),
      problem_(workload.calls()[call].problem),
      workspace_bytes_(
          kMoreWorkspace +
          blueprint(workload.calls()[call].params, false).workspace_bytes(workload.entry())),
      workspace_(workspace_bytes_),
      arguments_(workload.arguments()) {
  arguments_.back() = workspace_.data();

  std::mt19937 random(static_cast<uint32_t>(seed));
  for (ValueId id : plan_.kernels[0].inputs) {
    if (plan_.placements[id].region == Region::constant) continue;
    Content content{id, std::vector<uint8_t>(static_cast<size_t>(plan_.placements[id].bytes))};
    draw(plan_.graph.type(id), random, content.bytes);
    inputs_.push_back(std::move(content));
  }
}

uint8_t* KernelTrial::address(ValueId id) const {
  const Placement& placement = plan_.placements[id];
  const size_t first_output = plan_.graph.inputs.size();
  const size_t state = first_output + plan_.outputs.size();
  size_t argument = 0;
  switch (placement.region) {
    case Region::input:
      argument = static_cast<size_t>(placement.index);
      break;
    case Region::output:
      argument = first_output + static_cast<size_t>(placement.index);
      break;
    case Region::state:
      argument = state;
      break;
    case Region::workspace:
      argument = arguments_.size() - 1;
      break;
    default:
      CNNC_CHECK(false, "%" + plan_.graph.values[id].name + " is in no memory");
  }
  return static_cast<uint8_t*>(arguments_[argument]) + placement.offset;
}

void KernelTrial::reset() {
  for (const Content& input : inputs_) {
    std::memcpy(address(input.id), input.bytes.data(), input.bytes.size());
  }
}

Blueprint KernelTrial::blueprint(const Params& params, bool checked) const {
  TunedEntry entry;
  entry.target = target_.halide;
  entry.problem = problem_;
  entry.params = params;
  KernelTarget target = target_;
  target.tuned = std::make_shared<const TunedTable>(std::vector<TunedEntry>{entry});
  target.checked = checked;
  return workload_.blueprint(plan_, target);
}

std::optional<Variant> KernelTrial::compile(const Params& params, bool checked) const {
  const Blueprint program = blueprint(params, checked);
  const bool fits = program.workspace_bytes(workload_.entry()) <= workspace_bytes_;
  // Over the compile budget, or more memory than there is.
  if (!fits || !program.notes().empty()) return std::nullopt;
  try {
    const Result<std::string> bytes = program.compile(Emit::object, 1);
    if (!bytes) return std::nullopt;
    Result<LoadedObject> object = load_object("tune", *bytes);
    if (!object) return std::nullopt;
    Variant variant{params, std::make_unique<LoadedObject>(std::move(*object)), nullptr};
    variant.entry = variant.object->find(workload_.entry());
    CNNC_CHECK(variant.entry != nullptr, "no entry " + workload_.entry());
    return variant;
  } catch (const InternalError&) {  // Halide refuses the schedule, or warns of it
    return std::nullopt;
  }
}

std::optional<Variant> KernelTrial::compile(const Params& params) const {
  return compile(params, false);
}

int KernelTrial::run(const Variant& variant) {
  return call_entry(variant.entry, &threads_.context(), arguments_);
}

std::string KernelTrial::set_reference(const Params& params) {
  const std::optional<Variant> reference = compile(params, true);
  if (!reference) return "the " + params.schedule + " schedule does not compile";
  reset();
  if (run(*reference) != CNNC_OK) return "the " + params.schedule + " schedule fails";
  outputs_.clear();
  for (ValueId id : plan_.kernels[0].outputs) {
    const uint8_t* from = address(id);
    outputs_.push_back({id, {from, from + plan_.placements[id].bytes}});
  }
  return "";
}

std::string KernelTrial::difference() const {
  // Winograd's transforms enlarge rounding errors, and are part of what may be compared.
  constexpr double kTransforms = 16;
  const double rounding = static_cast<double>(8 + sum_length(problem_)) / (1 << 23);
  const double tolerance = rounding * (problem_.winograd ? kTransforms : 1);
  for (const Content& wanted : outputs_) {
    const Value& value = plan_.graph.values[wanted.id];
    const uint8_t* found = address(wanted.id);
    if (value.type.dtype != DType::f32) {
      // Indices of the greatest: rounding may decide between nearly equal ones.
      size_t wrong = 0;
      for (size_t i = 0; i < wanted.bytes.size(); ++i) wrong += found[i] != wanted.bytes[i];
      if (wrong > wanted.bytes.size() / 1000) return "%" + value.name + " differs";
      continue;
    }
    const size_t count = wanted.bytes.size() / 4;
    for (size_t i = 0; i < count; ++i) {
      float a = 0, b = 0;
      std::memcpy(&a, found + 4 * i, 4);
      std::memcpy(&b, &wanted.bytes[4 * i], 4);
      if (!(std::abs(a - b) <= tolerance * std::max(1.0F, std::abs(b)))) {
        return "%" + value.name + " differs";
      }
    }
  }
  return "";
}

std::string KernelTrial::verify(const Variant& variant) {
  const std::optional<Variant> checked = compile(variant.params, true);
  if (!checked) return "does not compile with run-time checks";
  for (const Variant* each : {&*checked, &variant}) {
    for (const Content& output : outputs_) {
      std::memset(address(output.id), 0, output.bytes.size());
    }
    reset();
    if (run(*each) != CNNC_OK) return "a run-time check fails";
    const std::string what = difference();
    if (!what.empty()) return what;
  }
  return "";
}

TimesInTurn KernelTrial::compare(const Variant& first, const Variant& second, int rounds) {
  constexpr double kRoundMs = 0.5;
  constexpr int kMostRepeats = 200;
  constexpr int kEnoughToGiveUp = 4;
  constexpr double kMuchSlower = 1.15;
  const auto timed = [&](const Variant& variant, int repeats) {
    const double begin = now_ms();
    for (int i = 0; i < repeats; ++i) CNNC_CHECK(run(variant) == CNNC_OK, "a call fails");
    return (now_ms() - begin) / repeats;
  };
  reset();
  timed(second, 1);
  const double once = timed(first, 2);
  const int repeats =
      std::clamp(static_cast<int>(kRoundMs / std::max(once, 1e-6)), 1, kMostRepeats);
  std::vector<double> of_first, of_second;
  for (int i = 0; i < rounds; ++i) {
    of_first.push_back(timed(first, repeats));
    of_second.push_back(timed(second, repeats));
    if (i + 1 == kEnoughToGiveUp && median(of_second) > kMuchSlower * median(of_first)) break;
  }
  return {median(of_first), median(of_second)};
}

}  // namespace cnnc
