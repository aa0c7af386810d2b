#include "tests/conformance/cases.h"

#include <onnx.pb.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "compiler/support/files.h"

namespace cnnc::test {
namespace {

namespace fs = std::filesystem;

::onnx::ModelProto model_of(const std::string& path) {
  ::onnx::ModelProto model;
  const Result<std::string> bytes = read_file(path);
  if (bytes) (void)model.ParseFromString(*bytes);
  return model;
}

void read_tolerances(const fs::path& path, ConformanceCase& result) {
  const Result<std::string> text = read_file(path.string());
  if (!text) return;
  const auto data = nlohmann::json::parse(*text);
  result.rtol = data.value("rtol", result.rtol);
  result.atol = data.value("atol", result.atol);
}

// The operator of a single node; of others, the rarest word that is one of its operators.
std::string subject_of(const ConformanceCase& each) {
  const ::onnx::ModelProto model = model_of(each.model);
  if (model.graph().node_size() == 0) return "(none)";
  for (const auto& node : model.graph().node()) {
    if (node.op_type() != "Constant") return node.op_type();
  }
  return model.graph().node(0).op_type();
}

void add_folder(const fs::path& folder, const std::string& suite,
                std::vector<ConformanceCase>& cases) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!entry.is_directory() || !fs::exists(entry.path() / "model.onnx")) continue;
    ConformanceCase each;
    each.suite = suite;
    each.name = entry.path().filename().string();
    each.model = (entry.path() / "model.onnx").string();
    each.folder = (entry.path() / "test_data_set_0").string();
    read_tolerances(entry.path() / "data.json", each);
    const size_t expanded = each.name.find("_expanded");
    if (expanded != std::string::npos) each.expansion_of = each.name.substr(0, expanded);
    each.subject = subject_of(each);
    cases.push_back(std::move(each));
  }
}

void add_networks(const fs::path& data, std::vector<ConformanceCase>& cases) {
  for (const auto& entry : fs::directory_iterator(data / "light")) {
    if (entry.path().extension() != ".onnx") continue;
    ConformanceCase each;
    each.suite = "models";
    each.name = entry.path().stem().string();
    each.model = entry.path().string();
    each.expected = (data / "light" / (each.name + "_output_0.pb")).string();
    each.subject = "(network)";
    read_tolerances(data / "real" / ("test_" + each.name.substr(6)) / "data.json", each);
    cases.push_back(std::move(each));
  }
}

}  // namespace

std::vector<ConformanceCase> conformance_cases(const std::string& data) {
  std::vector<ConformanceCase> cases;
  for (const char* suite : {"node", "pytorch-converted", "pytorch-operator", "simple"}) {
    add_folder(fs::path(data) / suite, suite, cases);
  }
  add_networks(data, cases);
  std::sort(cases.begin(), cases.end(), [](const ConformanceCase& a, const ConformanceCase& b) {
    return std::tie(a.suite, a.name) < std::tie(b.suite, b.name);
  });
  std::map<std::string, std::string> subjects;
  for (const ConformanceCase& each : cases) subjects[each.name] = each.subject;
  for (ConformanceCase& each : cases) {
    const auto found = subjects.find(each.expansion_of);
    if (found != subjects.end()) each.subject = found->second;
  }
  return cases;
}

}  // namespace cnnc::test
