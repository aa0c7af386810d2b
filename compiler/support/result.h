// Result<T>: a value, or the diagnostics that say why there is none.
#pragma once
#include <optional>
#include <utility>

#include "compiler/support/check.h"
#include "compiler/support/diagnostics.h"

namespace cnnc {

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}  // NOLINT: implicit by design
  Result(Diagnostic diagnostic) : diagnostics_{std::move(diagnostic)} {}    // NOLINT
  Result(Diagnostics diagnostics) : diagnostics_(std::move(diagnostics)) {  // NOLINT
    CNNC_CHECK(!diagnostics_.empty(), "a failed result without a diagnostic");
  }

  [[nodiscard]] bool ok() const { return value_.has_value(); }
  explicit operator bool() const { return ok(); }

  T& operator*() & { return checked(); }
  const T& operator*() const& { return const_cast<Result*>(this)->checked(); }
  T&& operator*() && { return std::move(checked()); }
  T* operator->() { return &checked(); }
  const T* operator->() const { return &const_cast<Result*>(this)->checked(); }

  // Empty if ok().
  [[nodiscard]] const Diagnostics& diagnostics() const { return diagnostics_; }

 private:
  T& checked() {
    CNNC_CHECK(value_.has_value(), "value of a failed result: " + render(diagnostics_));
    return *value_;
  }

  std::optional<T> value_;
  Diagnostics diagnostics_;
};

struct Unit {};

// The result of something done for its effect.
using Status = Result<Unit>;
[[nodiscard]] inline Status success() { return Unit{}; }

}  // namespace cnnc
