// What the command-line tools share: exit codes, the parsing of options, and how they report.
//
// Results go to stdout, everything else to stderr. A tool's main() is run_tool around a function
// that parses with parse_command_line and returns an exit code.
#pragma once
#include <CLI/CLI.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "compiler/support/result.h"

namespace cnnc::cli {

inline constexpr int kDone = 0;
inline constexpr int kInputWrong = 1;     // a file or what is in it
inline constexpr int kUsage = 2;          // the command line
inline constexpr int kBug = 3;            // ours
inline constexpr int kInterrupted = 130;  // stopped by Ctrl-C, as shells report it

// Runs the tool. What it throws is a bug: that is said on stderr, and the result is kBug.
[[nodiscard]] int run_tool(const std::string& name, const std::function<int()>& tool);

// The text of --help: "cnnc [options] MODEL.json", the options in their groups, the footer. Comes
// after all other options, and adds --help and --version.
void set_help(CLI::App& app, const std::string& usage, const std::string& footer);

// Fills in what the options of `app` are bound to. A result means that the tool ends with it: after
// --help and --version, or after a usage error that has been reported.
[[nodiscard]] std::optional<int> parse_command_line(CLI::App& app, int argc,
                                                    const char* const* argv);

// Reports a mistake on the command line that the options alone cannot see. Returns kUsage.
[[nodiscard]] int usage_error(const CLI::App& app, const std::string& message);

// Prints diagnostics to stderr. Returns kInputWrong.
int report(const Diagnostics& diagnostics);

// Writes to stdout, all of it or a diagnostic.
[[nodiscard]] Status print_text(std::string_view text);

// "cnnc 0.1.0 (Halide 21.0.0, LLVM 22.1.8)".
[[nodiscard]] std::string version_text(const std::string& tool);

// Whether a file can be made at `path`, as far as can be told before trying. Tools ask before they
// work for minutes.
[[nodiscard]] Status check_writable(const std::string& path);

// Validators for numbers, without the remark that CLI11's own leave in the help text.
[[nodiscard]] CLI::Validator whole_number(int64_t least, int64_t most);
[[nodiscard]] CLI::Validator learning_rate();
// A target that the compiler knows, or several. target_help() lists the aliases, a line each.
[[nodiscard]] CLI::Validator known_target();
[[nodiscard]] CLI::Validator known_targets();
[[nodiscard]] std::string target_help();
// --tuned and --compile-budget, in the group "Compilation".
void add_schedule_options(CLI::App& app, std::string& tuned, int64_t& compile_budget);
// Whether this machine runs code for a target that is known.
[[nodiscard]] bool runs_here(const std::string& target);

}  // namespace cnnc::cli
