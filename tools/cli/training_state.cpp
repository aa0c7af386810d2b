// Tested by tests/tools/cnnc_train_command_test.py.
#include "tools/cli/training_state.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "compiler/weights/safetensors.h"

namespace cnnc::cli {
namespace {

// JSON has no NaN: a loss that diverged is stored as null.
double loss_of(const nlohmann::json& value) {
  return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
}

}  // namespace

std::string to_text(const TrainingState& state) {
  return nlohmann::json{
      {"model", state.model},
      {"seed", state.seed},
      {"shuffle", state.shuffle},
      {"batch_size", state.batch_size},
      {"images", state.images},
      {"epoch", state.epoch},
      {"batch", state.batch},
      {"epoch_loss", state.epoch_loss},
      {"recent_loss", state.recent_loss},
      {"seconds", state.seconds},
  }
      .dump();
}

Result<TrainingState> read_training_state(const std::string& path) {
  Result<TensorFile> file = read_safetensors(path);
  if (!file) return file.diagnostics();
  const auto progress = file->metadata.find("progress");
  if (progress == file->metadata.end() || progress->second.empty()) {
    return file_error(path, "is no checkpoint of cnnc-train: it does not say how far training was");
  }
  TrainingState state;
  try {
    const nlohmann::json json = nlohmann::json::parse(progress->second);
    state.model = json.at("model").get<std::string>();
    state.seed = json.at("seed").get<uint64_t>();
    state.shuffle = json.at("shuffle").get<bool>();
    state.batch_size = json.at("batch_size").get<int64_t>();
    state.images = json.at("images").get<int64_t>();
    state.epoch = json.at("epoch").get<int64_t>();
    state.batch = json.at("batch").get<int64_t>();
    state.epoch_loss = loss_of(json.at("epoch_loss"));
    state.recent_loss = loss_of(json.at("recent_loss"));
    state.seconds = json.at("seconds").get<double>();
  } catch (const nlohmann::json::exception&) {
    return file_error(path, "is a damaged checkpoint: it does not say how far training was");
  }
  if (state.epoch < 0 || state.batch < 0 || state.batch_size < 1 || state.images < 1 ||
      state.batch > (state.images - 1) / state.batch_size + 1) {
    return file_error(path, "is a damaged checkpoint: it says that training was at batch " +
                                std::to_string(state.batch) + " of epoch " +
                                std::to_string(state.epoch));
  }
  return state;
}

}  // namespace cnnc::cli
