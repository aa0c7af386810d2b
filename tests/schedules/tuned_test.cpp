#include "schedules/tuned.h"

#include <catch2/catch.hpp>
#include <set>

namespace cnnc {

TEST_CASE("the key of a problem tells all its numbers apart") {
  std::set<std::string> keys = {key_of(Problem())};
  for (const ProblemField& field : problem_fields()) {
    Problem problem;
    field.set(problem, field.is_flag ? 1 : 77);
    CHECK(field.get(problem) == (field.is_flag ? 1 : 77));
    CHECK(keys.insert(key_of(problem)).second);
  }
  Problem problem;
  problem.family = "conv";
  CHECK(keys.insert(key_of(problem)).second);
  problem.vectors = VectorDimension::channel;
  CHECK(keys.insert(key_of(problem)).second);
  // A new number of a problem changes its size; then it belongs to problem_fields(), too.
  CHECK(problem_fields().size() == 29);
  // (Machine::has_threads is left out: it decides the tasks alone, which entries do not hold.)
  CHECK(sizeof(Problem) == sizeof(std::string) + 232);
}

TEST_CASE("a table finds entries by target and problem") {
  TunedEntry entry;
  entry.target = "x86-64-linux";
  entry.problem.n = 3;
  entry.params.a = 5;
  TunedTable table;
  CHECK(table.find(entry.target, entry.problem) == nullptr);
  table.set(entry);
  REQUIRE(table.find(entry.target, entry.problem) != nullptr);
  CHECK(table.find(entry.target, entry.problem)->params.a == 5);
  CHECK(table.find("arm-64-linux", entry.problem) == nullptr);
  CHECK(table.find(entry.target, Problem()) == nullptr);
  entry.params.a = 6;
  table.set(entry);
  CHECK(table.entries().size() == 1);
  CHECK(table.entries()[0].params.a == 6);
}

}  // namespace cnnc
