// Tested by tests/codegen/prefetch_test.cpp.
#include "compiler/codegen/prefetch.h"

#include <optional>

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Internal::Allocate;
using Halide::Internal::as_const_int;
using Halide::Internal::Call;
using Halide::Internal::Evaluate;
using Halide::Internal::For;
using Halide::Internal::IRVisitor;
using Halide::Internal::LetStmt;
using Halide::Internal::Load;
using Halide::Internal::ProducerConsumer;
using Halide::Internal::Ramp;
using Halide::Internal::simplify;
using Halide::Internal::Stmt;
using Halide::Internal::substitute;
using Halide::Internal::Variable;

using Lets = std::vector<std::pair<std::string, Expr>>;

constexpr int kLine = 16;           // elements of a line of the caches
constexpr int64_t kPage = 1024;     // elements, beyond which the processor's prefetching ends
constexpr int64_t kMostTiles = 16;  // more of them hide how long the first one waits

Expr inlined(const Lets& lets, Expr expr) {
  for (auto let = lets.rbegin(); let != lets.rend(); ++let) {
    expr = substitute(let->first, let->second, expr);
  }
  return expr;
}

// The first element that a load reads.
Expr first_index(const Load* load) {
  const Ramp* ramp = load->index.as<Ramp>();
  return ramp ? ramp->base : load->index;
}

// The loads of a statement from some buffers, outside of loops in it, and where they are; with a
// `consumed` Func only those that follow it.
class Loads : public IRVisitor {
 public:
  explicit Loads(const std::set<std::string>& buffers, std::string consumed = "")
      : buffers_(buffers), consumed_(std::move(consumed)), counts_(consumed_.empty()) {}
  std::vector<std::pair<std::string, Expr>> found;
  bool has_loops = false;

 private:
  using IRVisitor::visit;
  void visit(const For*) override { has_loops = true; }
  void visit(const LetStmt* let) override {
    let->value.accept(this);
    lets_.emplace_back(let->name, let->value);
    let->body.accept(this);
    lets_.pop_back();
  }
  void visit(const ProducerConsumer* op) override {
    const bool counted = counts_;
    if (op->name == consumed_) counts_ = !op->is_producer;
    op->body.accept(this);
    counts_ = counted;
  }
  void visit(const Load* load) override {
    IRVisitor::visit(load);
    if (counts_ && buffers_.count(load->name) > 0) {
      add(load->name, inlined(lets_, first_index(load)));
    }
  }
  // Loads of one line are one.
  void add(const std::string& buffer, const Expr& index) {
    for (const auto& [other, begin] : found) {
      if (other != buffer) continue;
      const auto distance = as_const_int(simplify(index - begin));
      if (distance && std::abs(*distance) < kLine) return;
    }
    found.emplace_back(buffer, index);
  }

  const std::set<std::string>& buffers_;
  std::string consumed_;
  bool counts_;
  Lets lets_;
};

Expr variable_of(const For* loop) { return Variable::make(Halide::Int(32), loop->name); }

// How far an index moves from one iteration to the next; nothing if that is not constant.
std::optional<int64_t> step_of(const Expr& index, const For* loop) {
  const Expr next = substitute(loop->name, variable_of(loop) + 1, index);
  return as_const_int(simplify(next - index));
}

// The Func that a loop belongs to.
std::string owner(const For* loop) { return loop->name.substr(0, loop->name.find(".s")); }

Stmt ask_for(const std::string& buffer, const Expr& index) {
  constexpr int kReads = 0, kAllCaches = 3, kData = 1;
  const Expr begin =
      Halide::reinterpret(Halide::UInt(64), Variable::make(Halide::Handle(), buffer));
  const Expr bytes = Halide::cast<uint64_t>(simplify(index)) * 4;
  const Expr address = Halide::reinterpret(Halide::Handle(), begin + bytes);
  return Evaluate::make(Call::make(Halide::Int(32), "llvm.prefetch.p0",
                                   {address, kReads, kAllCaches, kData}, Call::Extern));
}

Stmt before(const std::vector<Stmt>& first, Stmt body) {
  for (const Stmt& statement : first) body = Halide::Internal::Block::make(statement, body);
  return body;
}

}  // namespace

Stmt PrefetchPass::visit(const LetStmt* let) {
  lets_.emplace_back(let->name, let->value);
  Stmt result = IRMutator::visit(let);
  lets_.pop_back();
  return result;
}

Stmt PrefetchPass::visit(const For* loop) {
  loops_.push_back(loop);
  Stmt body = before(next_panel(loop), mutate(loop->body));
  body = before(next_block(loop, reads_.blocks, 1), body);
  body = before(next_block(loop, reads_.images, kPage), body);
  loops_.pop_back();
  if (body.same_as(loop->body)) return loop;
  return For::make(loop->name, loop->min, loop->extent, loop->for_type, loop->partition_policy,
                   loop->device_api, body);
}

std::vector<Stmt> PrefetchPass::next_panel(const For* loop) const {
  Loads loads(reads_.panels);
  loop->body.accept(&loads);
  if (loads.has_loops || loads.found.empty() || !as_const_int(loop->extent)) return {};
  const std::string& panels = loads.found[0].first;
  const Expr index = inlined(lets_, loads.found[0].second);
  // From the inside out: loops of the same sum, those over tiles that share a panel, and the one
  // over panels.
  int64_t elements = 0, steps = 1, tiles = 1;
  Expr step = 0, tile = 0, first = index;
  for (auto outer = loops_.rbegin(); outer != loops_.rend(); ++outer) {
    const auto moves = step_of(index, *outer);
    const auto extent = as_const_int((*outer)->extent);
    const Expr variable = variable_of(*outer);
    if (owner(*outer) == owner(loop)) {
      if (*outer == loop && (!moves || *moves <= 0)) return {};
      if (!moves || !extent || *moves <= 0) continue;
      step = step + (variable - (*outer)->min) * static_cast<int>(steps);
      steps *= *extent;
      elements = std::max(elements, *moves * *extent);
      first = substitute((*outer)->name, (*outer)->min, first);
      continue;
    }
    if (!moves) return {};
    if (*moves == 0) {
      if (!extent) return {};
      tile = tile + (variable - (*outer)->min) * static_cast<int>(tiles);
      tiles *= *extent;
      continue;
    }
    if (tiles < 2 || tiles > kMostTiles) return {};
    // A power of two, which an address can be made of at once.
    int ahead = 1;
    while (ahead * tiles * steps < elements) ahead *= 2;
    const Expr next = substitute((*outer)->name, variable + 1, first);
    const Expr past = tile * static_cast<int>(steps) + step;
    std::vector<Stmt> result;
    for (int line = 0; line < ahead; line += kLine) {
      result.push_back(ask_for(panels, next + past * ahead + line));
    }
    return result;
  }
  return {};
}

std::vector<Stmt> PrefetchPass::next_block(const For* loop, const std::set<std::string>& buffers,
                                           int64_t least) const {
  Loads loads(buffers);
  loop->body.accept(&loads);
  if (loads.has_loops) return {};
  std::vector<Stmt> result;
  for (const auto& [buffer, where] : loads.found) {
    const Expr index = inlined(lets_, where);
    for (auto outer = loops_.rbegin(); outer != loops_.rend(); ++outer) {
      if (owner(*outer) == owner(loop)) continue;
      const auto moves = step_of(index, *outer);
      if (moves && std::abs(*moves) < least) continue;
      if (moves) result.push_back(ask_for(buffer, index + static_cast<int>(*moves)));
      break;
    }
  }
  return result;
}

Stmt PrefetchPass::visit(const Allocate* allocate) {
  Stmt result = IRMutator::visit(allocate);
  if (allocate->name != reads_.tile) return result;
  Loads loads(reads_.added, reads_.tile);
  allocate->body.accept(&loads);
  std::vector<Stmt> first;
  first.reserve(loads.found.size());
  for (const auto& [buffer, index] : loads.found) first.push_back(ask_for(buffer, index));
  if (first.empty()) return result;
  const Allocate* mutated = result.as<Allocate>();
  return Allocate::make(mutated->name, mutated->type, mutated->memory_type, mutated->extents,
                        mutated->condition, before(first, mutated->body), mutated->new_expr,
                        mutated->free_function, mutated->padding);
}

}  // namespace cnnc
