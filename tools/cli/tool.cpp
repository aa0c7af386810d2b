// Tested by tests/tools/cnnc_command_test.py.
#include "tools/cli/tool.h"

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include <unistd.h>

namespace cnnc::cli {
namespace {

// CLI11's help, without what only its own authors need: which options exclude which, and gaps.
class HelpFormatter : public CLI::Formatter {
 public:
  explicit HelpFormatter(std::string usage) : usage_(std::move(usage)) {}

  std::string make_usage(const CLI::App* /*app*/, std::string /*name*/) const override {
    return "\nUsage: " + usage_ + "\n";
  }
  std::string make_positionals(const CLI::App* /*app*/) const override { return {}; }
  std::string make_option_opts(const CLI::Option* option) const override {
    const std::string type = option->get_type_size() == 0 ? "" : option->get_type_name();
    return type.empty() ? "" : " " + type;
  }
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override {
    std::string text = CLI::Formatter::make_help(app, std::move(name), mode);
    for (size_t at = 0; (at = text.find("\n\n\n", at)) != std::string::npos;) text.erase(at, 1);
    return text;
  }

 private:
  std::string usage_;
};

int report_bug(const std::string& name, const char* what) {
  std::fprintf(stderr,
               "%s: internal error: %s\n"
               "This is a bug of %s, not a mistake of yours. Please report it with the model file, "
               "the command\nline and this version: %s\n",
               name.c_str(), what, name.c_str(), version_text(name).c_str());
  return kBug;
}

// The option that a word that is none was meant to be.
std::string nearest_option(const CLI::App& app, const std::string& word) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return nearest(word.substr(0, word.find('=')), names);
}

std::string unexpected_arguments(const CLI::App& app) {
  std::string message;
  for (const std::string& word : app.remaining()) {
    if (!message.empty()) message += "\n";
    if (word.size() < 2 || word[0] != '-') {
      message += "unexpected argument \"" + word + "\"";
      continue;
    }
    message += "unknown option " + word;
    const std::string meant = nearest_option(app, word);
    if (!meant.empty()) message += ", did you mean " + meant + "?";
  }
  return message;
}

}  // namespace

int run_tool(const std::string& name, const std::function<int()>& tool) {
  try {
    return tool();
  } catch (const std::exception& e) {
    return report_bug(name, e.what());
  } catch (...) {  // Halide's errors are no std::exception
    return report_bug(name, "an exception of unknown type");
  }
}

void set_help(CLI::App& app, const std::string& usage, const std::string& footer) {
  app.formatter(std::make_shared<HelpFormatter>(usage));
  app.get_formatter()->column_width(28);
  app.footer(footer);
  app.set_help_flag("-h,--help", "Print this help, and exit")->group("Information");
  app.set_version_flag("--version", version_text(app.get_name()), "Print the version, and exit")
      ->group("Information");
}

std::optional<int> parse_command_line(CLI::App& app, int argc, const char* const* argv) {
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::ExtrasError&) {
    return usage_error(app, unexpected_arguments(app));
  } catch (const CLI::Success& e) {  // --help, --version
    app.exit(e);
    return kDone;
  } catch (const CLI::ParseError& e) {
    return usage_error(app, e.what());
  }
}

int usage_error(const CLI::App& app, const std::string& message) {
  const std::string& name = app.get_name();
  std::fprintf(stderr, "%s: error: %s\n'%s --help' lists the options.\n", name.c_str(),
               message.c_str(), name.c_str());
  return kUsage;
}

int report(const Diagnostics& diagnostics) {
  const std::string text = render(diagnostics);
  std::fwrite(text.data(), 1, text.size(), stderr);
  return kInputWrong;
}

Status print_text(std::string_view text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  if (written && std::fflush(stdout) == 0) return success();
  return error(std::string("cannot write to stdout: ") + std::strerror(errno));
}

std::string version_text(const std::string& tool) {
  return tool + " " CNNC_VERSION " (Halide " CNNC_HALIDE_VERSION ", LLVM " CNNC_LLVM_VERSION ")";
}

Status check_writable(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return file_error(path, "is a folder, expected a file name");
  std::string folder = fs::path(path).parent_path().string();
  if (folder.empty()) folder = ".";
  if (!fs::is_directory(folder, ignored)) {
    return file_error(path, "cannot write: there is no folder " + folder);
  }
  if (::access(folder.c_str(), W_OK) != 0) {
    return file_error(path, "cannot write into " + folder + ": " + std::strerror(errno));
  }
  return success();
}

CLI::Validator whole_number(int64_t least, int64_t most) {
  const auto check = [least, most](std::string& text) -> std::string {
    int64_t value = 0;
    const char* end = text.data() + text.size();
    const auto [stop, code] = std::from_chars(text.data(), end, value);
    if (code == std::errc() && stop == end && value >= least && value <= most) return {};
    return "\"" + text + "\" is no whole number from " + std::to_string(least) + " to " +
           std::to_string(most);
  };
  return {check, ""};
}

CLI::Validator learning_rate() {
  const auto check = [](std::string& text) -> std::string {
    double value = 0;
    if (CLI::detail::lexical_cast(text, value) && std::isfinite(value) && value >= 0) return {};
    return "\"" + text + "\" is no learning rate: expected a number that is not negative";
  };
  return {check, ""};
}

}  // namespace cnnc::cli
