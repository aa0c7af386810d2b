// How much stack a module's functions need.
#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace llvm {
class DiagnosticInfo;
class Module;
}  // namespace llvm

namespace cnnc {

// Asked before code is generated, told the frames while it is, read afterwards.
class StackUse {
 public:
  // Notes who calls whom, and has the back end report frames as diagnostics. A function that is
  // handed on, such as the body of a parallel loop, counts as called.
  void prepare(llvm::Module& module);

  // Takes a diagnostic of the back end; false if it is about something else.
  bool take(const llvm::DiagnosticInfo& info);

  // An upper bound, in bytes, of what a call of any external function of the module needs on the
  // stack of the calling thread: the frames on the deepest path, with what the C library's
  // functions and the runtime may add. Loops run on the calling thread; on another one, a body
  // needs less.
  [[nodiscard]] int64_t bound() const;

 private:
  struct Function {
    std::set<std::string> callees;  // in the module
    int64_t frame = 0;
    bool is_external = false;
  };
  std::map<std::string, Function> functions_;
  int64_t others_ = 0;
};

}  // namespace cnnc
