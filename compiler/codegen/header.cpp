// Tested by tests/codegen/header_test.cpp, which also compiles and runs the header's example.
#include "compiler/codegen/header.h"

#include <sstream>
#include <vector>

#include "compiler/support/check.h"
#include "runtime/cnnc_runtime.h"

namespace cnnc {
namespace {

bool is_letter(char ch) { return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z'); }
bool is_digit(char ch) { return ch >= '0' && ch <= '9'; }

class HeaderWriter : HeaderText {
 public:
  explicit HeaderWriter(const HeaderDescription& description)
      : HeaderText(description.prefix), net_(description) {}

  std::string write() {
    essay();
    open("cnnc_runtime.h");
    macros();
    prototypes();
    close();
    return text();
  }

 private:
  [[nodiscard]] bool has_workspace() const { return net_.workspace_bytes > 0; }
  [[nodiscard]] bool has_weights() const { return net_.weights_bytes > 0; }

  void essay() {
    paragraph(prefix_ + ".h: the network \"" + comment_text(net_.model) +
              "\" as a C function. Written by cnnc; do not edit.");
    line();
    paragraph(prefix_ +
              "_run turns images into results. Arrays are in row-major order, one image after the "
              "other, and need no more alignment than their elements:");
    line("  input   " + array_type(net_.input));
    line("  output  " + array_type(net_.output));
    batches();
    if (has_workspace()) {
      paragraph("workspace is scratch memory of at least " + macro_ +
                "_WORKSPACE_BYTES bytes that starts on a multiple of " + macro_ +
                "_ALIGNMENT bytes. Its contents mean nothing before and after a call.");
    } else {
      paragraph("No workspace is needed: pass NULL and 0.");
    }
    line();
    weights();
    paragraph(
        "The function allocates nothing and keeps nothing: any number of threads may call it at "
        "the same time, each with a workspace and an output of its own. context lends it threads; "
        "with NULL it runs on the calling thread alone. The results are the same, bit for bit. "
        "See cnnc_runtime.h for contexts and for the meaning of a status.");
    processors(net_.targets);
    line();
    paragraph("A program (C11), built with cc app.c " + prefix_ +
              ".o libcnnc_runtime.a -lpthread -lm");
    line();
    example();
  }

  void batches() {
    std::vector<std::string> words;
    words.reserve(net_.batches.size());
    for (int64_t batch : net_.batches) words.push_back(std::to_string(batch));
    const bool one = net_.batches.size() == 1 && net_.batches[0] == 1;
    paragraph("Any number of images is right. Inside, " + alternatives(words) +
              (one ? " is" : " are") + " computed at a time.");
  }

  void weights() {
    if (!has_weights()) {
      paragraph("The weights are part of the object.");
      return;
    }
    paragraph("weights are the contents of the file that cnnc wrote beside the object, " + macro_ +
              "_WEIGHTS_BYTES bytes from a multiple of " + macro_ +
              "_ALIGNMENT bytes on, read or "
              "mapped into memory. " +
              prefix_ +
              "_check_weights tells whether they are whole and "
              "fit; " +
              prefix_ +
              "_run looks at their first bytes only. Other weights of the same "
              "network may be passed at any call.");
  }

  void example() {
    line("  #include <stdio.h>");
    line("  #include \"" + prefix_ + ".h\"");
    line();
    line("  static " + std::string(c_type(net_.input.dtype)) + " input[" + macro_ +
         "_INPUT_SIZE];");
    line("  static " + std::string(c_type(net_.output.dtype)) + " output[" + macro_ +
         "_OUTPUT_SIZE];");
    if (has_workspace()) {
      line("  static _Alignas(" + macro_ + "_ALIGNMENT) unsigned char workspace[" + macro_ +
           "_WORKSPACE_BYTES];");
    }
    if (has_weights()) {
      line("  static _Alignas(" + macro_ + "_ALIGNMENT) unsigned char weights[" + macro_ +
           "_WEIGHTS_BYTES];");
    }
    line();
    line("  int main(void) {");
    if (has_weights()) line("    // ... read the file of weights ...");
    line("    // ... fill the input ...");
    line("    cnnc_status status =");
    line("        " + prefix_ + "_run(NULL, " + (has_weights() ? "weights, " : "") +
         "input, output, 1, " + (has_workspace() ? "workspace, sizeof workspace" : "NULL, 0") +
         ");");
    line("    if (status != CNNC_OK) {");
    line("      fprintf(stderr, \"%s\\n\", cnnc_status_string(status));");
    line("      return 1;");
    line("    }");
    const std::string number = net_.output.dtype == DType::f32 ? "%g" : "%d";
    line("    for (int i = 0; i < " + macro_ + "_OUTPUT_SIZE; ++i) printf(\"%d: " + number +
         "\\n\", i, output[i]);");
    line("    return 0;");
    line("  }");
  }

  void macros() {
    define_text("BUILD_ID", "UINT64_C(" + hexadecimal(net_.build_id) + ")",
                "of this header and its object");
    define("BATCH", net_.batches.back(), "images that are computed at a time, at most");
    define_tensor("INPUT", net_.input, "elements of one image");
    define_tensor("OUTPUT", net_.output, "elements of one result");
    define("WORKSPACE_BYTES", net_.workspace_bytes,
           has_workspace() ? "" : "the workspace may be NULL");
    if (net_.stack_bytes > 0) {
      define("STACK_BYTES", net_.stack_bytes, "of a thread that computes, at most");
    }
    if (has_weights()) {
      define("WEIGHTS_BYTES", net_.weights_bytes);
      define_text("WEIGHTS_ID", "UINT64_C(" + hexadecimal(net_.weights_id) + ")",
                  "of their shapes and places");
    }
    define("ALIGNMENT", 64,
           has_weights() ? "of the workspace and the weights, in bytes"
                         : "of the workspace, in bytes");
    out_ << "\n";
  }

  // The parameters after the context, declared or passed on.
  std::string parameters(bool with_types) const {
    const auto typed = [&](const std::string& type, const std::string& name) {
      return with_types ? type + name : name;
    };
    std::string text;
    if (has_weights()) text += typed("const void* ", "weights") + ", ";
    text += typed(std::string("const ") + c_type(net_.input.dtype) + "* ", "input") + ", ";
    text += typed(std::string(c_type(net_.output.dtype)) + "* ", "output") + ", ";
    text += typed("size_t ", "images") + ",\n    ";
    text += typed("void* ", "workspace") + ", " + typed("size_t ", "workspace_bytes");
    return text;
  }

  void prototypes() {
    out_ << "// What " << prefix_ << "_run below calls: the function in the object. It refuses\n"
         << "// a build id that is not its own.\n"
         << "cnnc_status " << prefix_ << "_run_images(\n    uint64_t build_id, "
         << "const cnnc_context* context,\n    " << parameters(true) << ");\n\n"
         << "// Runs the network on `images` images. Returns CNNC_OK, or\n"
         << "// * CNNC_INVALID_ARGUMENT: a pointer is NULL that must not be;\n"
         << "// * CNNC_MISALIGNED: an array starts at an address that its elements may not have, "
            "or\n"
         << "//   the workspace does;\n"
         << "// * CNNC_WORKSPACE_TOO_SMALL: workspace_bytes is below " << macro_
         << "_WORKSPACE_BYTES;\n"
         << "// * CNNC_VERSION_MISMATCH: this header, the object and the runtime are not of one "
            "make;\n"
         << "// * CNNC_UNSUPPORTED_CPU: the object has no code for this processor;\n";
    if (has_weights()) out_ << "// * CNNC_BAD_WEIGHTS: the weights are of another network;\n";
    out_ << "// * CNNC_INTERNAL: a loop of the context failed.\n"
         << "// After any but the last, the output is as it was.\n"
         << "static inline cnnc_status " << prefix_ << "_run(\n    const cnnc_context* context, "
         << parameters(true) << ") {\n  return " << prefix_ << "_run_images(\n    " << macro_
         << "_BUILD_ID, context, " << parameters(false) << ");\n}\n\n";
    if (!has_weights()) return;
    out_ << "// Whether `bytes` bytes are whole weights of this network: cnnc_weights_check.\n"
         << "static inline cnnc_status " << prefix_
         << "_check_weights(const void* weights, size_t bytes) {\n"
         << "  return cnnc_weights_check(weights, bytes, " << macro_ << "_WEIGHTS_BYTES, " << macro_
         << "_WEIGHTS_ID);\n}\n\n";
  }

  const HeaderDescription& net_;
};

}  // namespace

std::string c_header(const HeaderDescription& description) {
  CNNC_CHECK(description.prefix == c_identifier(description.prefix),
             "prefix " + description.prefix + " is no C identifier");
  return HeaderWriter(description).write();
}

std::string c_identifier(const std::string& name) {
  std::string result;
  for (char ch : name) {
    const bool kept = is_letter(ch) || is_digit(ch);
    if (kept) result += ch;
    // Two underscores in a row are reserved in C++.
    if (!kept && !result.empty() && result.back() != '_') result += '_';
  }
  while (!result.empty() && result.back() == '_') result.pop_back();
  if (result.empty()) return "model";
  return is_letter(result[0]) ? result : "model_" + result;
}

}  // namespace cnnc
