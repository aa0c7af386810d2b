// Loads object bytes into this process through ORC's LLJIT.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "cnnc_runtime.h"
#include "compiler/support/result.h"

namespace cnnc {

// Whether perf and gdb learn the names of the functions of a loaded object: perf through lines in
// /tmp/perf-<process>.map, which stay after the process, gdb through its interface for JITs.
enum class Announce { nothing, functions };

// A loaded object. Its code goes away with it.
class LoadedObject {
 public:
  LoadedObject(LoadedObject&&) noexcept;
  LoadedObject& operator=(LoadedObject&&) noexcept;
  ~LoadedObject();

  // The address of an entry, or null.
  [[nodiscard]] void* find(const std::string& symbol) const;

 private:
  friend Result<LoadedObject> load_object(const std::string& name, const std::string& bytes,
                                          Announce announce);
  struct Impl;
  explicit LoadedObject(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Runtime symbols (cnnc_*) resolve to this process's runtime; else only libc's and libm's do.
Result<LoadedObject> load_object(const std::string& name, const std::string& bytes,
                                 Announce announce = Announce::nothing);

// Calls an entry whose parameters, after the context, are up to 24 pointers. Returns its status.
int call_entry(void* entry, const cnnc_context* context, const std::vector<void*>& arguments);

}  // namespace cnnc
