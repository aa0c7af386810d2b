// A network with memory for everything that its compiled code reads and writes: what measurements
// call.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "cnnc_runtime.h"
#include "compiler/codegen/jit.h"
#include "compiler/driver/blueprint.h"
#include "compiler/frontend/model.h"
#include "compiler/support/aligned_memory.h"
#include "tools/bench/measure.h"
#include "tools/bench/problem.h"

namespace cnnc {

// Blocks aligned to kAlignment.
class Memory {
 public:
  void* block(int64_t bytes);  // zero
  float* random(int64_t count, float low, float high);

 private:
  std::vector<AlignedMemory> blocks_;
  std::mt19937 generator_{1};
};

// A context whose loops run on that many threads.
class Threads {
 public:
  explicit Threads(int count);
  [[nodiscard]] const cnnc_context& context() const { return context_; }

 private:
  struct Deleter {
    void operator()(cnnc_pool* pool) const { cnnc_pool_destroy(pool); }
  };
  std::unique_ptr<cnnc_pool, Deleter> pool_;
  cnnc_context context_{};
};

// Weights are drawn at random. Not to be moved while functions that call it live.
class Workload {
 public:
  // One training step, on a whole batch of the description's size.
  static Result<Workload> training(const ModelDescription& model, const KernelTarget& target);
  // Inference of that many images, with the weights as constants.
  static Result<Workload> inference(const ModelDescription& model, int64_t batch,
                                    const KernelTarget& target);
  // The plan of that inference, with layers folded as if all weights were 1.
  static Result<Plan> inference_plan(const ModelDescription& model, int64_t batch);
  // One convolution or gradient, between tensors that lie as inside a network.
  static Result<Workload> convolution(const ConvProblem& problem, Direction direction,
                                      const KernelTarget& target);

  // The program with the entry alone, for this plan or a part of it. This must outlive it.
  [[nodiscard]] Blueprint blueprint(const Plan& plan, const KernelTarget& target) const;

  // Of the program: see Blueprint.
  [[nodiscard]] Status check() const { return blueprint_.check(); }
  [[nodiscard]] Diagnostics notes() const { return blueprint_.notes(); }
  // Compiles and loads the entry and, with each_kernel, an entry per call.
  Status load(bool each_kernel, int compile_threads, bool use_cache);
  // The entry as a function, or call number `call` of it. `threads` must outlive it.
  [[nodiscard]] std::function<void()> function(const Threads& threads) const;
  [[nodiscard]] std::function<void()> function(const Threads& threads, size_t call) const;

  [[nodiscard]] const std::string& entry() const { return entry_; }
  [[nodiscard]] const Plan& plan() const { return plan_; }
  [[nodiscard]] Layout layout() const { return layout_; }
  [[nodiscard]] std::vector<Blueprint::Call> calls() const { return blueprint_.calls(entry_); }
  [[nodiscard]] const std::vector<void*>& arguments() const { return arguments_; }
  [[nodiscard]] int64_t batch() const { return batch_; }
  [[nodiscard]] int64_t weight_bytes() const { return weight_bytes_; }

 private:
  Workload(std::string name, std::string entry, Plan plan, Layout layout, int64_t batch,
           const KernelTarget& target);
  void allocate();
  [[nodiscard]] std::function<void()> caller(const Threads& threads,
                                             const std::string& symbol) const;

  std::string name_;  // of the program
  std::string entry_;
  Plan plan_;
  Layout layout_ = Layout::channels_last;
  int64_t batch_ = 1;
  int64_t weight_bytes_ = 0;
  Memory memory_;
  std::map<std::string, const float*> weights_;  // constants, by name
  Blueprint blueprint_;
  std::vector<void*> arguments_;
  std::unique_ptr<LoadedObject> object_;
};

}  // namespace cnnc
