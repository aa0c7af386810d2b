// Tested by tests/schedules/tuned_test.cpp.
#include "schedules/tuned.h"

namespace cnnc {
namespace {

std::string key_of(const std::string& target, const Problem& problem) {
  return target + "\n" + key_of(problem);
}

}  // namespace

const std::vector<ProblemField>& problem_fields() {
#define CNNC_FIELD(name, member, is_flag)                                                    \
  {                                                                                          \
    name, is_flag, [](const Problem& p) { return static_cast<int64_t>(p.member); },          \
        [](Problem& p, int64_t value) { p.member = static_cast<decltype(p.member)>(value); } \
  }
#define CNNC_NUMBER(name) CNNC_FIELD(#name, name, false)
#define CNNC_FLAG(name) CNNC_FIELD(#name, name, true)
  static const std::vector<ProblemField> kFields = {
      CNNC_NUMBER(rank),
      CNNC_NUMBER(n),
      CNNC_NUMBER(c),
      CNNC_NUMBER(h),
      CNNC_NUMBER(w),
      CNNC_NUMBER(reduce_c),
      CNNC_NUMBER(reduce_h),
      CNNC_NUMBER(reduce_w),
      CNNC_NUMBER(groups),
      CNNC_FLAG(padded),
      CNNC_FLAG(winograd),
      CNNC_NUMBER(stride_h),
      CNNC_NUMBER(stride_w),
      CNNC_NUMBER(dilation_h),
      CNNC_NUMBER(dilation_w),
      CNNC_FLAG(transposed),
      CNNC_NUMBER(input_h),
      CNNC_NUMBER(input_w),
      CNNC_NUMBER(window_h),
      CNNC_NUMBER(window_w),
      CNNC_NUMBER(result_h),
      CNNC_NUMBER(result_w),
      CNNC_NUMBER(staged_row_bytes),
      CNNC_NUMBER(flops),
      CNNC_NUMBER(bytes),
      CNNC_FIELD("lanes", machine.lanes, false),
      CNNC_FIELD("registers", machine.registers, false),
      CNNC_FIELD("l1_bytes", machine.l1_bytes, false),
      CNNC_FIELD("l2_bytes", machine.l2_bytes, false),
  };
#undef CNNC_FLAG
#undef CNNC_NUMBER
#undef CNNC_FIELD
  return kFields;
}

std::string key_of(const Problem& problem) {
  std::string text =
      problem.family + (problem.vectors == VectorDimension::batch ? " batch" : " channel");
  for (const ProblemField& field : problem_fields()) {
    text += std::string(" ") + field.name + "=" + std::to_string(field.get(problem));
  }
  return text;
}

const std::vector<ParamField>& param_fields() {
  static const std::vector<ParamField> kFields = {{"a", &Params::a},
                                                  {"b", &Params::b},
                                                  {"rows", &Params::rows},
                                                  {"band_rows", &Params::band_rows},
                                                  {"columns", &Params::columns},
                                                  {"tile", &Params::tile},
                                                  {"block_c", &Params::block_c},
                                                  {"block_n", &Params::block_n}};
  return kFields;
}

TunedTable::TunedTable(const std::vector<TunedEntry>& entries) {
  for (const TunedEntry& entry : entries) set(entry);
}

void TunedTable::set(const TunedEntry& entry) {
  by_key_[key_of(entry.target, entry.problem)] = entry;
}

void TunedTable::remove(const std::string& target, const Problem& problem) {
  by_key_.erase(key_of(target, problem));
}

const TunedEntry* TunedTable::find(const std::string& target, const Problem& problem) const {
  const auto found = by_key_.find(key_of(target, problem));
  return found == by_key_.end() ? nullptr : &found->second;
}

std::vector<TunedEntry> TunedTable::entries() const {
  std::vector<TunedEntry> result;
  result.reserve(by_key_.size());
  for (const auto& [key, entry] : by_key_) result.push_back(entry);
  return result;
}

}  // namespace cnnc
