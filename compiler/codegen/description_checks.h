// A pass over the lowered code of a pipeline with assertions.
#pragma once
#include <Halide.h>

#include <set>
#include <string>

namespace cnnc {

// Removes the assertions about the descriptions of buffers. They are most of the assertions, and
// would take more time to compile than the pipeline; what describes the buffers is generated, too.
class DescriptionChecksRemover : public Halide::Internal::IRMutator {
  using IRMutator::visit;
  Halide::Internal::Stmt visit(const Halide::Internal::AssertStmt* assertion) override {
    static const std::set<std::string> kNames = {"halide_error_buffer_argument_is_null",
                                                 "halide_error_host_is_null",
                                                 "halide_error_bad_type",
                                                 "halide_error_bad_dimensions",
                                                 "halide_error_constraint_violated",
                                                 "halide_error_buffer_extents_negative",
                                                 "halide_error_buffer_extents_too_large",
                                                 "halide_error_buffer_allocation_too_large",
                                                 "halide_error_device_dirty_with_no_device_support",
                                                 "halide_error_unaligned_host_ptr"};
    const auto* call = assertion->message.as<Halide::Internal::Call>();
    if (call && kNames.count(call->name) > 0) return Halide::Internal::Evaluate::make(0);
    return assertion;
  }
};

}  // namespace cnnc
