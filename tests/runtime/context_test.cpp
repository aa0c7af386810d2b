// Contexts without a pool, host loops, and status codes: runtime/context.c and runtime/status.c.
#include <catch2/catch.hpp>
#include <climits>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "cnnc_runtime.h"

namespace {

struct Record {
  std::vector<int> indices;
  void* context = nullptr;
  int fail_at = INT_MAX;
};

int record(void* context, int index, uint8_t* closure) {
  auto* to = reinterpret_cast<Record*>(closure);
  to->context = context;
  to->indices.push_back(index);
  return index == to->fail_at ? 40 + index : 0;
}

uint8_t* closure_of(Record& record) { return reinterpret_cast<uint8_t*>(&record); }

// A host loop that counts its calls in `host` and runs backwards.
int backwards(const cnnc_context* context, cnnc_task task, int min, int extent, uint8_t* closure) {
  ++*static_cast<int*>(context->host);
  for (int i = min + extent - 1; i >= min; --i) {
    const int result = task(const_cast<cnnc_context*>(context), i, closure);
    if (result != 0) return result;
  }
  return 0;
}

}  // namespace

TEST_CASE("a fresh context is serial and has the version of the header", "[runtime]") {
  cnnc_context context;
  cnnc_context_init(&context);
  CHECK(context.abi_version == CNNC_ABI_VERSION);
  CHECK(context.reserved == 0);
  CHECK(context.parallel_for == nullptr);
  CHECK(context.host == nullptr);

  Record seen;
  CHECK(cnnc_parallel_for(&context, record, 3, 4, closure_of(seen)) == 0);
  CHECK(seen.indices == std::vector<int>{3, 4, 5, 6});
  CHECK(seen.context == &context);
}

TEST_CASE("a loop without a context runs on the calling thread", "[runtime]") {
  Record seen;
  CHECK(cnnc_parallel_for(nullptr, record, -2, 4, closure_of(seen)) == 0);
  CHECK(seen.indices == std::vector<int>{-2, -1, 0, 1});
  CHECK(seen.context == nullptr);
}

TEST_CASE("serial loops reach both ends of int", "[runtime]") {
  Record seen;
  CHECK(cnnc_parallel_for(nullptr, record, INT_MIN, 2, closure_of(seen)) == 0);
  seen.fail_at = INT_MIN;
  CHECK(cnnc_parallel_for(nullptr, record, INT_MAX - 1, 2, closure_of(seen)) == 0);
  CHECK(seen.indices == std::vector<int>{INT_MIN, INT_MIN + 1, INT_MAX - 1, INT_MAX});
}

TEST_CASE("empty loops call nothing, not even the host", "[runtime]") {
  int calls = 0;
  cnnc_context context;
  cnnc_context_init(&context);
  context.parallel_for = backwards;
  context.host = &calls;
  Record seen;
  CHECK(cnnc_parallel_for(&context, record, 0, 0, closure_of(seen)) == 0);
  CHECK(cnnc_parallel_for(&context, record, 0, -5, closure_of(seen)) == 0);
  CHECK(cnnc_parallel_for(nullptr, record, 0, INT_MIN, closure_of(seen)) == 0);
  CHECK(seen.indices.empty());
  CHECK(calls == 0);
}

TEST_CASE("a serial loop stops at the first error and returns it", "[runtime]") {
  Record seen;
  seen.fail_at = 2;
  CHECK(cnnc_parallel_for(nullptr, record, 0, 10, closure_of(seen)) == 42);
  CHECK(seen.indices == std::vector<int>{0, 1, 2});
}

TEST_CASE("a host loop gets the loop, the context and its own pointer", "[runtime]") {
  int calls = 0;
  cnnc_context context;
  cnnc_context_init(&context);
  context.parallel_for = backwards;
  context.host = &calls;

  Record seen;
  CHECK(cnnc_parallel_for(&context, record, 5, 3, closure_of(seen)) == 0);
  CHECK(seen.indices == std::vector<int>{7, 6, 5});
  CHECK(seen.context == &context);
  CHECK(calls == 1);

  seen.fail_at = 6;
  CHECK(cnnc_parallel_for(&context, record, 5, 3, closure_of(seen)) == 46);
  CHECK(calls == 2);
}

TEST_CASE("a failed check inside a kernel is an internal error", "[runtime]") {
  cnnc_context context;
  cnnc_context_init(&context);
  CHECK(cnnc_kernel_check_failed(&context) == CNNC_INTERNAL);
  CHECK(cnnc_kernel_check_failed(nullptr) == CNNC_INTERNAL);
}

TEST_CASE("every status has a sentence of its own", "[runtime]") {
  std::set<std::string> sentences;
  for (int value = CNNC_OK; value <= CNNC_INTERNAL + 1; ++value) {
    const char* text = cnnc_status_string(static_cast<cnnc_status>(value));
    REQUIRE(text != nullptr);
    const std::string sentence = text;
    REQUIRE(sentence.size() > 10);
    CHECK(sentence.back() == '.');
    sentences.insert(sentence);
  }
  CHECK(sentences.size() == CNNC_INTERNAL + 2);  // the last one is for values that are no status
}
