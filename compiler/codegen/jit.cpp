// Tested by tests/codegen/jit_test.cpp.
#include "compiler/codegen/jit.h"

#include <cstdio>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <llvm/ExecutionEngine/JITLink/JITLink.h>
#include <llvm/ExecutionEngine/JITLink/JITLinkMemoryManager.h>
#include <llvm/ExecutionEngine/Orc/AbsoluteSymbols.h>
#include <llvm/ExecutionEngine/Orc/Core.h>
#include <llvm/ExecutionEngine/Orc/Debugging/ELFDebugObjectPlugin.h>
#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/ExecutionEngine/Orc/ObjectLinkingLayer.h>
#include <llvm/ExecutionEngine/Orc/TargetProcess/JITLoaderGDB.h>
#include <llvm/Object/ObjectFile.h>
#include <llvm/Support/Error.h>
#include <llvm/Support/MemoryBuffer.h>
#include <llvm/TargetParser/Host.h>
#include <llvm/TargetParser/Triple.h>

#include "compiler/codegen/object.h"
#include "compiler/support/check.h"

// gdb's interface for JITs, as LLVM defines it in this process.
extern "C" {
extern jit_descriptor __jit_debug_descriptor;  // NOLINT: gdb names them
void __jit_debug_register_code();              // NOLINT: gdb names them
}

namespace cnnc {
namespace {

namespace orc = llvm::orc;

// The names of an object's external definitions; an error if it is no object for this machine.
llvm::Expected<std::vector<std::string>> entries_of(llvm::MemoryBufferRef buffer) {
  auto file = llvm::object::ObjectFile::createObjectFile(buffer);
  if (!file) return file.takeError();
  const llvm::Triple host(llvm::sys::getProcessTriple());
  if ((*file)->getArch() != host.getArch()) {
    return llvm::createStringError("it is for " +
                                   llvm::Triple::getArchTypeName((*file)->getArch()).str() +
                                   ", this process runs on " + host.getArchName().str());
  }
  std::vector<std::string> names;
  for (const llvm::object::SymbolRef& symbol : (*file)->symbols()) {
    auto flags = symbol.getFlags();
    if (!flags) return flags.takeError();
    const bool defined = !(*flags & llvm::object::BasicSymbolRef::SF_Undefined);
    if (!defined || !(*flags & llvm::object::BasicSymbolRef::SF_Global)) continue;
    auto name = symbol.getName();
    if (!name) return name.takeError();
    names.push_back(name->str());
  }
  return names;
}

// Lists functions for perf: "address size name" in hexadecimal, a line each, in a file that perf
// looks for under this name. A file that cannot be written is no reason to fail.
class PerfMap : public orc::ObjectLinkingLayer::Plugin {
 public:
  void modifyPassConfig(orc::MaterializationResponsibility& /*responsibility*/,
                        llvm::jitlink::LinkGraph& /*graph*/,
                        llvm::jitlink::PassConfiguration& passes) override {
    // Names that nothing refers to are dropped otherwise.
    passes.PrePrunePasses.emplace_back([](llvm::jitlink::LinkGraph& graph) {
      for (llvm::jitlink::Symbol* symbol : graph.defined_symbols()) {
        if (symbol->isCallable() && symbol->hasName()) symbol->setLive(true);
      }
      return llvm::Error::success();
    });
    passes.PostFixupPasses.emplace_back([](llvm::jitlink::LinkGraph& graph) {
      std::string lines;
      for (llvm::jitlink::Symbol* symbol : graph.defined_symbols()) {
        if (!symbol->isCallable() || !symbol->hasName()) continue;
        char place[48];
        std::snprintf(place, sizeof place, "%llx %llx ",
                      static_cast<unsigned long long>(symbol->getAddress().getValue()),
                      static_cast<unsigned long long>(symbol->getSize()));
        lines += place + (*symbol->getName()).str() + "\n";
      }
      append(lines);
      return llvm::Error::success();
    });
  }
  llvm::Error notifyFailed(orc::MaterializationResponsibility& /*responsibility*/) override {
    return llvm::Error::success();
  }
  llvm::Error notifyRemovingResources(orc::JITDylib& /*library*/, orc::ResourceKey) override {
    return llvm::Error::success();
  }
  void notifyTransferringResources(orc::JITDylib& /*library*/, orc::ResourceKey,
                                   orc::ResourceKey) override {}

 private:
  // In one write, so that the lines of several threads do not mix. No link is followed, since
  // anybody may write to the folder.
  static void append(const std::string& lines) {
    const std::string path = "/tmp/perf-" + std::to_string(::getpid()) + ".map";
    const int file =
        ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0) return;
    [[maybe_unused]] const ssize_t written = ::write(file, lines.data(), lines.size());
    ::close(file);
  }
};

// Links in this process's memory. No library of this JIT sees the process's own symbols.
llvm::Expected<std::unique_ptr<orc::LLJIT>> make_jit(Announce announce) {
  return orc::LLJITBuilder()
      .setLinkProcessSymbolsByDefault(false)
      .setPlatformSetUp(orc::setUpInactivePlatform)
      .setObjectLinkingLayerCreator([announce](orc::ExecutionSession& session)
                                        -> llvm::Expected<std::unique_ptr<orc::ObjectLayer>> {
        auto memory = llvm::jitlink::InProcessMemoryManager::Create();
        if (!memory) return memory.takeError();
        auto layer = std::make_unique<orc::ObjectLinkingLayer>(session, std::move(*memory));
        if (announce == Announce::functions) {
          layer->addPlugin(std::make_shared<PerfMap>());
          llvm::Error failure = llvm::Error::success();
          layer->addPlugin(std::make_shared<orc::ELFDebugObjectPlugin>(
              session, /*RequireDebugSections=*/false, /*AutoRegisterCode=*/true, failure));
          if (failure) return failure;
        }
        return layer;
      })
      .create();
}

orc::SymbolMap process_symbols(orc::LLJIT& jit) {
  std::vector<LibraryFunction> functions = library_functions();
  functions.push_back({"cnnc_parallel_for", reinterpret_cast<void*>(&cnnc_parallel_for)});
  functions.push_back({"cnnc_abi_version", reinterpret_cast<void*>(&cnnc_abi_version)});
  functions.push_back(
      {"cnnc_kernel_check_failed", reinterpret_cast<void*>(&cnnc_kernel_check_failed)});
  orc::SymbolMap symbols;
  for (const LibraryFunction& function : functions) {
    symbols[jit.mangleAndIntern(function.name)] = {
        orc::ExecutorAddr::fromPtr(function.address),
        llvm::JITSymbolFlags::Exported | llvm::JITSymbolFlags::Callable};
  }
  return symbols;
}

// gdb's list of objects is the process's; LLVM adds to it and never takes away.
std::mutex& gdb_list_mutex() {
  static std::mutex mutex;
  return mutex;
}

// Takes an entry off the list, and lets a debugger that is there know.
void forget_in_gdb(jit_code_entry* entry) {
  const std::lock_guard<std::mutex> lock(gdb_list_mutex());
  if (entry->prev_entry) entry->prev_entry->next_entry = entry->next_entry;
  if (entry->next_entry) entry->next_entry->prev_entry = entry->prev_entry;
  if (__jit_debug_descriptor.first_entry == entry) {
    __jit_debug_descriptor.first_entry = entry->next_entry;
  }
  __jit_debug_descriptor.relevant_entry = entry;
  __jit_debug_descriptor.action_flag = JIT_UNREGISTER_FN;
  __jit_debug_register_code();
  __jit_debug_descriptor.relevant_entry = nullptr;
  delete entry;  // NOLINT(cppcoreguidelines-owning-memory): LLVM made it with new
}

}  // namespace

struct LoadedObject::Impl {
  std::unique_ptr<orc::LLJIT> jit;
  jit_code_entry* gdb_entry = nullptr;
  orc::ResourceTrackerSP tracker;
  std::map<std::string, void*> entries;

  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    if (gdb_entry) forget_in_gdb(gdb_entry);  // before its bytes go
    if (tracker) llvm::consumeError(tracker->remove());
    tracker = nullptr;
  }

  llvm::Error load(const std::string& name, const std::string& bytes, Announce announce) {
    if (announce == Announce::nothing) return link(name, bytes, announce);
    const std::lock_guard<std::mutex> lock(gdb_list_mutex());
    const jit_code_entry* newest = __jit_debug_descriptor.first_entry;
    llvm::Error failure = link(name, bytes, announce);
    if (__jit_debug_descriptor.first_entry != newest) {
      gdb_entry = __jit_debug_descriptor.first_entry;
    }
    return failure;
  }

  llvm::Error link(const std::string& name, const std::string& bytes, Announce announce) {
    const llvm::MemoryBufferRef buffer(bytes, name);
    auto names = entries_of(buffer);
    if (!names) return names.takeError();
    auto made = make_jit(announce);
    if (!made) return made.takeError();
    jit = std::move(*made);
    // Errors come back through lookups; without this they would also appear on stderr.
    jit->getExecutionSession().setErrorReporter(llvm::consumeError);
    orc::JITDylib& library = jit->getExecutionSession().createBareJITDylib("object");
    if (llvm::Error failure = library.define(orc::absoluteSymbols(process_symbols(*jit))))
      return failure;
    tracker = library.createResourceTracker();
    // The bytes outlive linking, which the lookups below complete.
    if (llvm::Error failure =
            jit->addObjectFile(tracker, llvm::MemoryBuffer::getMemBuffer(buffer, false)))
      return failure;
    for (const std::string& entry : *names) {
      auto address = jit->lookup(library, entry);
      if (!address) return address.takeError();
      entries[entry] = address->toPtr<void*>();
    }
    return llvm::Error::success();
  }
};

LoadedObject::LoadedObject(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LoadedObject::LoadedObject(LoadedObject&&) noexcept = default;
LoadedObject& LoadedObject::operator=(LoadedObject&&) noexcept = default;
LoadedObject::~LoadedObject() = default;

void* LoadedObject::find(const std::string& symbol) const {
  const auto entry = impl_->entries.find(symbol);
  return entry == impl_->entries.end() ? nullptr : entry->second;
}

Result<LoadedObject> load_object(const std::string& name, const std::string& bytes,
                                 Announce announce) {
  initialize_llvm();
  for (const std::string& symbol : undefined_symbols(bytes)) {
    if (!may_stay_undefined(symbol)) {
      std::string message = "object " + name;
      message += " needs " + symbol + ", which is no symbol of the runtime";
      return error(std::move(message));
    }
  }
  auto impl = std::make_unique<LoadedObject::Impl>();
  if (llvm::Error failure = impl->load(name, bytes, announce)) {
    return error("cannot load object " + name + ": " + llvm::toString(std::move(failure)));
  }
  return LoadedObject(std::move(impl));
}

namespace {

constexpr size_t kMostArguments = 24;

template <size_t>
using Pointer = void*;

template <size_t... kIndex>
int call_n(void* entry, const cnnc_context* context, void* const* arguments,
           std::index_sequence<kIndex...>) {
  using Entry = int(const cnnc_context*, Pointer<kIndex>...);
  return reinterpret_cast<Entry*>(entry)(context, arguments[kIndex]...);
}

template <size_t kCount>
int call_with(void* entry, const cnnc_context* context, const std::vector<void*>& arguments) {
  if (arguments.size() == kCount) {
    return call_n(entry, context, arguments.data(), std::make_index_sequence<kCount>());
  }
  if constexpr (kCount > 0) return call_with<kCount - 1>(entry, context, arguments);
  CNNC_CHECK(false, "an entry with " + std::to_string(arguments.size()) + " parameters");
}

}  // namespace

int call_entry(void* entry, const cnnc_context* context, const std::vector<void*>& arguments) {
  return call_with<kMostArguments>(entry, context, arguments);
}

}  // namespace cnnc
