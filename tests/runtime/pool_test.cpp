// The pool of threads: runtime/pool.c. Also run under the thread sanitizer.
//
// Catch2's assertions belong to one thread, so tasks only note what happens, in atomics, and the
// test looks at the notes after the loop.
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <climits>
#include <csignal>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "cnnc_runtime.h"

namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// A pool and a context that uses it.
struct Host {
  explicit Host(int threads) {
    REQUIRE(cnnc_pool_create(threads, &pool) == CNNC_OK);
    cnnc_context_init(&context);
    cnnc_context_use_pool(&context, pool);
  }
  ~Host() { cnnc_pool_destroy(pool); }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  cnnc_pool* pool = nullptr;
  cnnc_context context;
};

// Runs body(index) -> int as a loop.
template <typename Body>
int loop(cnnc_context& context, int min, int extent, Body& body) {
  const cnnc_task task = [](void* /*context*/, int index, uint8_t* closure) -> int {
    return (*reinterpret_cast<Body*>(closure))(index);
  };
  return cnnc_parallel_for(&context, task, min, extent, reinterpret_cast<uint8_t*>(&body));
}

// True if a loop calls each index exactly once.
bool covers(cnnc_context& context, int min, int extent) {
  std::vector<std::atomic<int>> calls(static_cast<size_t>(extent));
  std::atomic<int> outside{0};
  auto body = [&](int index) {
    const int64_t at = static_cast<int64_t>(index) - min;
    if (at < 0 || at >= extent) {
      ++outside;
    } else {
      calls[static_cast<size_t>(at)].fetch_add(1, std::memory_order_relaxed);
    }
    return 0;
  };
  if (loop(context, min, extent, body) != 0 || outside != 0) return false;
  for (const auto& count : calls) {
    if (count != 1) return false;
  }
  return true;
}

// Waits for a condition; false if it does not come true within ten seconds.
template <typename Condition>
bool eventually(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + seconds(10);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace

TEST_CASE("pools have the size that was asked for", "[runtime][pool]") {
  for (const int threads : {1, 2, 3, 8}) {
    const Host host(threads);
    CHECK(cnnc_pool_threads(host.pool) == threads);
  }
  const Host host(0);
  CHECK(cnnc_pool_threads(host.pool) >= 1);
  CHECK(cnnc_pool_threads(nullptr) == 1);
  cnnc_pool_destroy(nullptr);
}

TEST_CASE("impossible pools are refused", "[runtime][pool]") {
  for (const int threads : {-1, 1025, INT_MAX, INT_MIN}) {
    cnnc_pool* pool = reinterpret_cast<cnnc_pool*>(&pool);
    CHECK(cnnc_pool_create(threads, &pool) == CNNC_INVALID_ARGUMENT);
    CHECK(pool == nullptr);
  }
  CHECK(cnnc_pool_create(2, nullptr) == CNNC_INVALID_ARGUMENT);
}

TEST_CASE("a context without a pool is serial again", "[runtime][pool]") {
  Host host(2);
  cnnc_context_use_pool(&host.context, nullptr);
  CHECK(host.context.parallel_for == nullptr);
  CHECK(covers(host.context, 0, 10));
}

TEST_CASE("every index runs exactly once", "[runtime][pool]") {
  for (const int threads : {1, 2, 3, 4, 8}) {
    Host host(threads);
    for (int extent = 0; extent <= 70; ++extent) REQUIRE(covers(host.context, extent - 35, extent));
    for (const int extent : {127, 128, 1000, 4097, 100003}) {
      REQUIRE(covers(host.context, 17, extent));
    }
    CHECK(covers(host.context, INT_MIN, 100));
    CHECK(covers(host.context, INT_MAX - 99, 100));
  }
}

TEST_CASE("tasks get the context and see what the caller wrote", "[runtime][pool]") {
  Host host(3);
  struct Closure {
    std::atomic<int> wrong{0};
    const cnnc_context* context = nullptr;
    int plain = 0;
    std::vector<int> out = std::vector<int>(64);
  } closure;
  closure.context = &host.context;
  const cnnc_task task = [](void* context, int index, uint8_t* bytes) -> int {
    auto* to = reinterpret_cast<Closure*>(bytes);
    if (context != to->context) ++to->wrong;
    to->out[static_cast<size_t>(index)] = to->plain + index;
    return 0;
  };
  for (int round = 0; round < 300; ++round) {
    closure.plain = round;
    cnnc_parallel_for(&host.context, task, 0, 64, reinterpret_cast<uint8_t*>(&closure));
    for (int i = 0; i < 64; ++i) REQUIRE(closure.out[static_cast<size_t>(i)] == round + i);
  }
  CHECK(closure.wrong == 0);
}

TEST_CASE("iterations run at the same time", "[runtime][pool]") {
  for (const int threads : {2, 3, 4, 8}) {
    Host host(threads);
    for (int round = 0; round < 10; ++round) {
      // Each task waits for all the others, so each needs a thread.
      std::atomic<int> present{0};
      std::atomic<int> alone{0};
      auto body = [&](int) {
        ++present;
        if (!eventually([&] { return present == threads; })) ++alone;
        return 0;
      };
      CHECK(loop(host.context, 0, threads, body) == 0);
      REQUIRE(alone == 0);
    }
  }
}

TEST_CASE("uneven work is shared", "[runtime][pool]") {
  // One iteration lasts until all the others have run: somebody else has to run those of its part.
  Host host(2);
  for (const int slow : {0, 31, 32, 63}) {
    std::atomic<int> quick{0};
    std::atomic<bool> stuck{false};
    auto body = [&](int index) {
      if (index != slow) {
        ++quick;
      } else if (!eventually([&] { return quick == 63; })) {
        stuck = true;
      }
      return 0;
    };
    CHECK(loop(host.context, 0, 64, body) == 0);
    CHECK_FALSE(stuck);
  }
}

TEST_CASE("a loop returns an error of one of its tasks", "[runtime][pool]") {
  for (const int threads : {1, 2, 4, 8}) {
    Host host(threads);
    for (int bad = 0; bad < 40; ++bad) {
      std::atomic<int> calls{0};
      auto body = [&](int index) {
        ++calls;
        return index == bad ? -7 - index : 0;
      };
      CHECK(loop(host.context, 0, 40, body) == -7 - bad);
      CHECK(calls >= 1);
      CHECK(calls <= 40);
    }
    auto all_bad = [](int index) { return 100 + index; };
    const int result = loop(host.context, 0, 1000, all_bad);
    CHECK(result >= 100);
    CHECK(result < 1100);
    CHECK(covers(host.context, 0, 100));  // the error is gone
  }
}

TEST_CASE("an error ends the longest loop at once", "[runtime][pool]") {
  for (const int threads : {1, 2, 4}) {
    Host host(threads);
    for (const int min : {0, 1, -1, INT_MIN}) {
      std::atomic<int64_t> low{INT64_MAX};
      auto body = [&](int index) {
        if (index < low) low = index;
        return 5;
      };
      CHECK(loop(host.context, min, INT_MAX, body) == 5);
      CHECK(low >= min);
    }
  }
}

TEST_CASE("loops inside tasks run on the thread of the task", "[runtime][pool]") {
  for (const int threads : {2, 3, 8}) {
    Host host(threads);
    std::atomic<int> inner_calls{0};
    std::atomic<int> elsewhere{0};
    auto outer = [&](int) {
      const auto here = std::this_thread::get_id();
      auto inner = [&](int) {
        ++inner_calls;
        if (std::this_thread::get_id() != here) ++elsewhere;
        return 0;
      };
      return loop(host.context, 0, 50, inner);
    };
    CHECK(loop(host.context, 0, 20, outer) == 0);
    CHECK(inner_calls == 1000);
    CHECK(elsewhere == 0);

    auto failing = [&](int index) {
      auto inner = [&](int at) { return index == 3 && at == 4 ? 9 : 0; };
      return loop(host.context, 0, 5, inner);
    };
    CHECK(loop(host.context, 0, 20, failing) == 9);
  }
}

TEST_CASE("a loop of one iteration leaves the workers to the loops inside it", "[runtime][pool]") {
  Host host(2);
  std::atomic<int> present{0};
  std::atomic<int> alone{0};
  auto outer = [&](int) {
    auto inner = [&](int) {
      ++present;
      if (!eventually([&] { return present == 2; })) ++alone;
      return 0;
    };
    return loop(host.context, 0, 2, inner);
  };
  CHECK(loop(host.context, 0, 1, outer) == 0);
  CHECK(alone == 0);
}

TEST_CASE("threads share a pool", "[runtime][pool]") {
  for (const int threads : {2, 4}) {
    Host host(threads);
    std::atomic<int> wrong{0};
    std::vector<std::thread> callers;
    callers.reserve(3);
    for (int caller = 0; caller < 3; ++caller) {
      callers.emplace_back([&, caller] {
        for (int round = 0; round < 2000; ++round) {
          if (!covers(host.context, caller, 1 + (round + caller) % 23)) ++wrong;
        }
      });
    }
    for (auto& caller : callers) caller.join();
    CHECK(wrong == 0);
  }
}

TEST_CASE("pools do not disturb each other", "[runtime][pool]") {
  Host first(2);
  Host second(3);
  std::atomic<int> calls{0};
  auto outer = [&](int) {
    auto inner = [&](int) {
      ++calls;
      return 0;
    };
    return loop(second.context, 0, 10, inner);
  };
  CHECK(loop(first.context, 0, 10, outer) == 0);
  CHECK(calls == 100);
  CHECK(covers(second.context, 0, 100));
}

TEST_CASE("pools come and go", "[runtime][pool]") {
  for (int round = 0; round < 200; ++round) {
    Host host(1 + round % 4);
    if (round % 3 != 0) REQUIRE(covers(host.context, 0, 9));
    if (round % 50 == 1) std::this_thread::sleep_for(milliseconds(1));
  }
}

TEST_CASE("loops that follow each other closely", "[runtime][pool]") {
  for (const int threads : {2, 3, 8}) {
    Host host(threads);
    const int rounds = threads == 2 ? 100000 : 10000;
    int64_t expected = 0;
    std::atomic<int64_t> sum{0};
    int plain = 0;  // written between the loops, read inside them
    for (int round = 0; round < rounds; ++round) {
      plain = round;
      const int extent = 2 + round % 5;
      auto body = [&](int index) {
        sum.fetch_add(plain + index, std::memory_order_relaxed);
        return 0;
      };
      if (loop(host.context, 0, extent, body) != 0) FAIL("a task failed");
      expected += static_cast<int64_t>(extent) * round + extent * (extent - 1) / 2;
      if (sum != expected) FAIL("round " << round);
    }
  }
}

TEST_CASE("loops that follow each other after pauses of all lengths", "[runtime][pool]") {
  for (const int threads : {2, 4}) {
    Host host(threads);
    for (int round = 0; round < 300; ++round) {
      REQUIRE(covers(host.context, 0, 2 + round % 9));
      std::this_thread::sleep_for(microseconds(round % 100));
    }
  }
}

TEST_CASE("workers have a stack for the scratch memory of kernels", "[runtime][pool]") {
  Host host(2);
  std::atomic<int> present{0};
  auto body = [&](int index) {
    volatile char scratch[4 << 20];
    scratch[0] = static_cast<char>(index);
    scratch[sizeof scratch - 1] = scratch[0];
    ++present;
    eventually([&] { return present == 2; });
    return scratch[sizeof scratch - 1] - index;
  };
  CHECK(loop(host.context, 0, 2, body) == 0);
}

namespace {

int blocked_pipe[2];
std::atomic<bool> worker_is_blocked{false};

// Runs on the worker and holds it until the test writes into the pipe.
void block_worker(int /*signal*/) {
  worker_is_blocked = true;
  char byte;
  while (read(blocked_pipe[0], &byte, 1) != 1) {
  }
}

}  // namespace

TEST_CASE("the caller does not wait for a worker that has begun nothing", "[runtime][pool]") {
  REQUIRE(pipe(blocked_pipe) == 0);
  struct sigaction action = {};
  struct sigaction before = {};
  action.sa_handler = block_worker;
  REQUIRE(sigaction(SIGUSR1, &action, &before) == 0);
  {
    Host host(2);
    const pthread_t caller = pthread_self();
    std::atomic<int> present{0};
    std::atomic<pthread_t> worker{caller};
    auto meet = [&](int) {
      if (pthread_self() != caller) worker = pthread_self();
      ++present;
      eventually([&] { return present == 2; });
      return 0;
    };
    REQUIRE(loop(host.context, 0, 2, meet) == 0);
    REQUIRE(worker != caller);
    REQUIRE(pthread_kill(worker, SIGUSR1) == 0);
    const bool blocked = eventually([] { return worker_is_blocked.load(); });
    for (const int extent : {2, 3, 64, 1000}) CHECK(covers(host.context, 0, extent));
    REQUIRE(write(blocked_pipe[1], "x", 1) == 1);
    CHECK(blocked);
    present = 0;
    CHECK(loop(host.context, 0, 2, meet) == 0);
    CHECK(present == 2);
  }
  sigaction(SIGUSR1, &before, nullptr);
  close(blocked_pipe[0]);
  close(blocked_pipe[1]);
}
