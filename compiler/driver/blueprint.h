// A blueprint: the whole program, with its kernels described but not compiled yet.
//
// Its key holds everything that can change the bytes of the object, so a cache can be asked before
// anything is compiled.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "compiler/codegen/kernel.h"
#include "compiler/codegen/program.h"
#include "compiler/plan/plan.h"

namespace cnnc {

enum class WeightStorage { embedded, external };

// The row-major elements of a parameter, by its name. They must outlive the blueprint.
using ParameterLookup = std::function<const float*(const std::string& name)>;

class Blueprint {
 public:
  Blueprint(std::string name, KernelTarget target);
  // With a version of the code for each target, the best first. All share their constants.
  Blueprint(std::string name, std::vector<KernelTarget> targets);

  // Entries tell the context's hook when a kernel begins and ends.
  void profile_kernels() { program_.is_profiled = true; }
  // Functions keep frame pointers and say how they are unwound.
  void make_unwindable() { program_.is_unwindable = true; }

  // Adds an entry that runs the plan. Its parameters, after the context: the plan's inputs, its
  // outputs, the state block if there is one, the workspace if there is one.
  void add_entry(const std::string& entry, const Plan& plan, Layout layout,
                 const ParameterLookup& constants = {}, EntryForm form = EntryForm::bare);

  // Adds the entry of a network for inference, which takes any number of images. Each plan computes
  // another number of images at a time; all share their constants. The parameters, after the
  // context: input, output, number of images, workspace, size of the workspace.
  // With external weights, a pointer to them comes before the input, and weights() has them.
  void add_network(const std::string& entry, const std::vector<Plan>& plans,
                   const ParameterLookup& constants,
                   WeightStorage storage = WeightStorage::embedded);

  // The file of weights that are no part of the object (runtime/cnnc_runtime.h), and its id; empty
  // if they are.
  [[nodiscard]] std::string weights() const;
  [[nodiscard]] int64_t weights_bytes() const { return weights_bytes_; }
  [[nodiscard]] uint64_t weights_id() const { return program_.weights_id; }

  // Adds an entry for each kernel call of an earlier one, with the same parameters, called
  // <entry>_<number of the call>: for measurements.
  void add_entry_per_call(const std::string& entry);

  // Bytes that the workspace of an entry needs: the plan's, the kernels' scratch memory, and room
  // for images that do not fill a batch.
  [[nodiscard]] int64_t workspace_bytes(const std::string& entry) const;

  // Errors if a tuned entry cannot compute the kernel it is for; else there is an object.
  [[nodiscard]] Status check() const;
  // What is remarkable about the choice of schedules.
  [[nodiscard]] Diagnostics notes() const;

  [[nodiscard]] std::string key() const;
  // What an object and its header have in common: two of them with the same id differ at most in
  // the values of the weights.
  [[nodiscard]] uint64_t build_id() const;
  // Object bytes, assembly or LLVM's text. Kernels are compiled on up to `threads` threads.
  [[nodiscard]] Result<std::string> compile(Emit kind, int threads) const;
  [[nodiscard]] Result<ObjectCode> compile_object(int threads) const;
  // The lowered loops of every kernel as text.
  [[nodiscard]] std::string statements() const;
  // The kernel calls of an entry, of all its versions and batches: names, and what is known of the
  // kernels.
  struct Call {
    std::string kernel;
    Problem problem;
    std::string shape;  // of the problem, or of the result where there is no anchor
    int64_t flops = 0;
    int64_t bytes = 0;
    Params params;
  };
  [[nodiscard]] std::vector<Call> calls(const std::string& entry) const;

 private:
  struct KernelSource {
    std::shared_ptr<const Graph> graph;
    Kernel kernel;
    KernelSpec spec;
    std::string name;
    int32_t version = 0;
  };

  // Where the parameters of an entry are, and what its workspace holds.
  struct EntryFrame {
    Entry entry;
    int32_t first_input = 0;
    int32_t first_output = 0;
    int32_t state = -1;
    int32_t workspace = 0;
    int64_t workspace_bytes = 0;
  };
  // A body for each version.
  void add_bodies(EntryFrame& frame, const Plan& plan, Layout layout, int64_t images,
                  const ParameterLookup& constants);
  // Makes the kernels of several versions or batches read the same constants.
  void share_constants(size_t batches);
  int32_t add_kernel(const std::shared_ptr<const Graph>& graph, const Kernel& kernel,
                     KernelSpec spec, int32_t version);
  // Moves the constants into weights(), which parameter `index` of the entry points to.
  void move_constants(Entry& entry, int32_t index);
  [[nodiscard]] std::string code_key() const;
  int32_t add_constant(const Value& value, const std::string& parameter,
                       const WeightPacking& packing, const ParameterLookup& constants);
  [[nodiscard]] Result<Program> with_kernels(int threads) const;
  [[nodiscard]] std::string compile_source(const KernelSource& source, KernelForm form) const;

  // A constant of the program, before its elements are packed.
  struct ConstantSource {
    const float* elements = nullptr;
    Shape shape;
    WeightPacking packing;

    [[nodiscard]] int64_t bytes() const { return element_count(shape) * 4; }
    [[nodiscard]] int64_t packed_bytes() const;
    [[nodiscard]] std::string packed() const;
  };

  std::vector<KernelTarget> targets_;             // parallel to program_.versions
  Program program_;                               // its kernels and constants without their bytes
  std::vector<ConstantSource> constant_sources_;  // parallel to program_.constants, or external
  std::vector<KernelSource> sources_;             // parallel to program_.kernels
  std::map<std::string, int32_t> by_signature_;
  std::map<std::string, int32_t> constant_index_;
  SharedPacking shared_;
  std::map<std::string, int64_t> workspace_bytes_;
  Diagnostics diagnostics_;

  // Of external weights: the table and where after it each constant begins.
  std::string weight_table_;
  std::vector<int64_t> weight_places_;
  int64_t weights_bytes_ = 0;
};

}  // namespace cnnc
