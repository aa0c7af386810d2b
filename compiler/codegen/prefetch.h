// A pass over the lowered code of a kernel, which asks for what lies beyond the first-level cache
// while the kernel multiplies.
#pragma once
#include <Halide.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace cnnc {

// Buffers, of elements of four bytes, and what is asked for of them.
struct FarReads {
  // Their panels are shared by several register tiles. An innermost loop that reads a panel asks
  // for the next one, each of the tiles for a part of it. Otherwise a panel would come when its
  // first tile reads it, and memory would idle afterwards.
  std::set<std::string> panels;
  // An innermost loop that reads one of these asks for what the loop around it reads next.
  std::set<std::string> blocks;
  // Images whose channels lie further apart than the processor's own prefetching follows. An
  // innermost loop that reads one asks for the same place of the next channel.
  std::set<std::string> images;
  // What is added to the sums of a register tile. Before it sums, the tile asks for it.
  std::set<std::string> added;
  std::string tile;  // the Func of the sums
};

class PrefetchPass : public Halide::Internal::IRMutator {
 public:
  explicit PrefetchPass(FarReads reads) : reads_(std::move(reads)) {}

 private:
  using IRMutator::visit;
  Halide::Internal::Stmt visit(const Halide::Internal::LetStmt* let) override;
  Halide::Internal::Stmt visit(const Halide::Internal::For* loop) override;
  Halide::Internal::Stmt visit(const Halide::Internal::Allocate* allocate) override;

  // What an innermost loop does before its body.
  [[nodiscard]] std::vector<Halide::Internal::Stmt> next_panel(
      const Halide::Internal::For* loop) const;
  // The loop around it is one that moves by `least` elements or more.
  [[nodiscard]] std::vector<Halide::Internal::Stmt> next_block(const Halide::Internal::For* loop,
                                                               const std::set<std::string>& buffers,
                                                               int64_t least) const;

  FarReads reads_;
  std::vector<const Halide::Internal::For*> loops_;         // around the statement, outermost first
  std::vector<std::pair<std::string, Halide::Expr>> lets_;  // likewise
};

}  // namespace cnnc
