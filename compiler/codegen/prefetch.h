// A pass over the lowered code of a kernel, which asks for what lies beyond the first-level cache
// while the kernel multiplies.
#pragma once
#include <Halide.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace cnnc {

// Elements are of four bytes, and `panels` and `added` are names of buffers.
//
// An innermost loop that reads a panel of one of the `panels`, a panel that several register tiles
// share, asks for the next one: each of the tiles for a part. A first-level cache fetches a panel
// only when its first tile reads it, and would idle afterwards.
//
// A register tile, the Func `tile`, asks for the elements of the `added` buffers that will be added
// to its sums before it begins to sum.
class PrefetchPass : public Halide::Internal::IRMutator {
 public:
  PrefetchPass(std::set<std::string> panels, std::string tile, std::set<std::string> added)
      : panels_(std::move(panels)), tile_(std::move(tile)), added_(std::move(added)) {}

 private:
  using IRMutator::visit;
  Halide::Internal::Stmt visit(const Halide::Internal::LetStmt* let) override;
  Halide::Internal::Stmt visit(const Halide::Internal::For* loop) override;
  Halide::Internal::Stmt visit(const Halide::Internal::Allocate* allocate) override;

  // The body of the innermost loop, with what asks for the next panel before it.
  [[nodiscard]] Halide::Internal::Stmt body_with_next_panel(
      const Halide::Internal::For* loop) const;

  std::set<std::string> panels_;
  std::string tile_;
  std::set<std::string> added_;
  std::vector<const Halide::Internal::For*> loops_;         // around the statement, outermost first
  std::vector<std::pair<std::string, Halide::Expr>> lets_;  // likewise
};

}  // namespace cnnc
