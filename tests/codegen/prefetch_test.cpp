// Which elements the pass asks for, over all iterations of small loops.
#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "compiler/codegen/prefetch.h"

namespace cnnc {
namespace {

using Halide::Expr;
using namespace Halide::Internal;

Expr variable(const std::string& name) { return Variable::make(Halide::Int(32), name); }

Stmt loop(const std::string& name, int extent, const Stmt& body) {
  return For::make(name, 0, extent, ForType::Serial, Halide::Partition::Auto,
                   Halide::DeviceAPI::None, body);
}

Expr load(const std::string& buffer, const Expr& index) {
  return Load::make(Halide::Float(32, 8), buffer, Ramp::make(index, 1, 8), {}, {}, const_true(8),
                    {});
}

Stmt store(const std::string& buffer, const Expr& value, const Expr& index) {
  return Store::make(buffer, value, Ramp::make(index, 1, 8), {}, const_true(8), {});
}

// The lines of 16 elements that are asked for, by the value of the loop "result.s0.panel".
class AskedFor : public IRVisitor {
 public:
  std::map<int64_t, std::set<int64_t>> lines;
  int calls = 0;

 private:
  using IRVisitor::visit;
  void visit(const For* op) override {
    const int64_t extent = as_const_int(op->extent).value();
    for (int64_t i = 0; i < extent; ++i) {
      if (op->name == "result.s0.panel") panel_ = i;
      substitute(op->name, static_cast<int>(i), op->body).accept(this);
    }
  }
  void visit(const LetStmt* op) override { substitute(op->name, op->value, op->body).accept(this); }
  void visit(const Call* op) override {
    if (op->name != "llvm.prefetch.p0") return;
    ++calls;
    // reinterpret(reinterpret(buffer) + bytes)
    const Add* sum = op->args[0].as<Reinterpret>()->value.as<Add>();
    REQUIRE(sum);
    const auto bytes = as_const_uint(simplify(sum->b));
    REQUIRE(bytes);
    lines[panel_].insert(static_cast<int64_t>(*bytes) / 64);
  }
  int64_t panel_ = 0;
};

constexpr int kPanels = 3, kSteps = 40, kStep = 24;

// Tiles that share panels of kSteps x kStep elements.
Stmt products(const std::vector<int>& tiles) {
  const Expr k = variable("sum.s1.k");
  const Expr index = (variable("offset") + k) * kStep;
  Stmt body = store("sum", load("sum", 0) + load("weights", index) * load("input", k), 0);
  body = loop("sum.s1.k", kSteps, body);
  body = LetStmt::make("offset", variable("result.s0.panel") * kSteps, body);
  for (size_t i = 0; i < tiles.size(); ++i) {
    body = loop("result.s0.tile" + std::to_string(i), tiles[i], body);
  }
  return loop("result.s0.panel", kPanels, body);
}

AskedFor asked_for(const Stmt& statement, const FarReads& reads) {
  PrefetchPass prefetch(reads);
  AskedFor result;
  prefetch.mutate(statement).accept(&result);
  return result;
}

FarReads panels(const std::string& buffer) {
  FarReads reads;
  reads.panels = {buffer};
  return reads;
}

FarReads added(const std::set<std::string>& buffers) {
  FarReads reads;
  reads.added = buffers;
  reads.tile = "sum";
  return reads;
}

TEST_CASE("tiles that share a panel ask for all of the next one") {
  for (const std::vector<int>& tiles : std::vector<std::vector<int>>{{2}, {5}, {3, 4}, {16}}) {
    const AskedFor asked = asked_for(products(tiles), panels("weights"));
    for (int64_t panel = 0; panel < kPanels; ++panel) {
      const int64_t begin = (panel + 1) * kSteps * kStep, end = begin + kSteps * kStep;
      for (int64_t line = begin / 16; line <= (end - 1) / 16; ++line) {
        CAPTURE(tiles, panel, line);
        REQUIRE(asked.lines.at(panel).count(line) == 1);
      }
      // And little else: a power of two of elements per step, up to twice as many.
      REQUIRE(asked.lines.at(panel).size() <= 2 * (kSteps * kStep / 16) + 2);
    }
  }
}

TEST_CASE("one tile alone, and very many, ask for nothing") {
  CHECK(asked_for(products({}), panels("weights")).calls == 0);
  CHECK(asked_for(products({17}), panels("weights")).calls == 0);
  CHECK(asked_for(products({4}), panels("other")).calls == 0);
}

TEST_CASE("a tile asks once for each line that is added to its sums") {
  const Expr tile = variable("result.s0.tile");
  const Stmt sums = loop("sum.s1.k", kSteps, store("sum", load("sum", 0) + load("input", 0), 0));
  const Expr place = variable("place");
  Stmt adds = Block::make(store("result", load("sum", 0) + load("other", place), place),
                          store("result", load("sum", 8) + load("other", place + 8), place + 8));
  adds = Block::make(adds, store("result", load("sum", 16) + load("other", place + 160), place));
  adds = LetStmt::make("place", tile * 32, adds);
  Stmt body = Block::make(ProducerConsumer::make_produce("sum", sums),
                          ProducerConsumer::make_consume("sum", adds));
  body = Allocate::make("sum", Halide::Float(32), Halide::MemoryType::Register, {24}, const_true(),
                        body);
  const AskedFor asked = asked_for(loop("result.s0.tile", 3, body), added({"other"}));
  CHECK(asked.calls == 3 * 2);
  CHECK(asked.lines.at(0) == std::set<int64_t>{0, 2, 4, 10, 12, 14});
  CHECK(asked_for(loop("result.s0.tile", 3, body), added({"result", "input"})).calls == 0);
}

TEST_CASE("a loop asks for the block that the loop around it reads next") {
  // Two lines of each of four rows, which lie 1000 elements apart.
  const Expr index = variable("sum.s0.row") * 1000 + variable("result.s0.panel") * 32;
  const Stmt reads = Block::make(store("sum", load("products", index), 0),
                                 Block::make(store("sum", load("products", index + 8), 8),
                                             store("sum", load("products", index + 16), 16)));
  const Stmt body = loop("result.s0.panel", 3, loop("sum.s0.row", 4, reads));
  FarReads blocks;
  blocks.blocks = {"products"};
  const AskedFor asked = asked_for(body, blocks);
  CHECK(asked.calls == 3 * 4 * 2);
  for (int64_t panel = 0; panel < 3; ++panel) {
    std::set<int64_t> expected;
    for (int64_t row = 0; row < 4; ++row) {
      const int64_t begin = row * 1000 + (panel + 1) * 32;
      expected.insert(begin / 16);
      expected.insert((begin + 16) / 16);
    }
    CHECK(asked.lines.at(panel) == expected);
  }
}

TEST_CASE("a loop over an image asks for the same place of the next channel") {
  // Two rows of tiles that lie 32 elements apart, in channels that lie 5000 apart.
  const Expr index = variable("pixels.s0.row") * 256 + variable("patches.s0.tile") * 32 +
                     variable("result.s0.panel") * 5000;
  const Stmt reads = store("pixels", load("image", index), 0);
  const Stmt body = loop("patches.s0.tile", 2, loop("pixels.s0.row", 2, reads));
  FarReads images;
  images.images = {"image"};
  const AskedFor asked = asked_for(loop("result.s0.panel", 3, body), images);
  CHECK(asked.calls == 3 * 2 * 2);
  for (int64_t channel = 0; channel < 3; ++channel) {
    const int64_t next = (channel + 1) * 5000;
    const std::set<int64_t> expected = {next / 16, (next + 32) / 16, (next + 256) / 16,
                                        (next + 288) / 16};
    CHECK(asked.lines.at(channel) == expected);
  }
}

// As where the terms of a sum are unrolled a few at a time.
TEST_CASE("a sum of several loops asks for all of the next panel") {
  constexpr int kParts = 4, kTerms = 6;
  const Expr index = variable("sum.s1.part") * 4 + variable("sum.s1.k") * 64 +
                     variable("result.s0.panel") * (kTerms * 64);
  Stmt body = store("sum", load("sum", 0) + load("weights", index), 0);
  body = loop("sum.s1.k", kTerms, loop("sum.s1.part", kParts, body));
  body = loop("result.s0.tile", 3, body);
  const AskedFor asked = asked_for(loop("result.s0.panel", 2, body), panels("weights"));
  for (int64_t panel = 0; panel < 2; ++panel) {
    for (int64_t line = 0; line < kTerms * 64 / 16; ++line) {
      CAPTURE(panel, line);
      CHECK(asked.lines.at(panel).count((panel + 1) * kTerms * 4 + line) == 1);
    }
    CHECK(asked.lines.at(panel).size() <= 2 * kTerms * 4);
  }
}

}  // namespace
}  // namespace cnnc
