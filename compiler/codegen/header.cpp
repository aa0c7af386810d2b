// Tested by tests/codegen/header_test.cpp, which also compiles and runs the header's example.
#include "compiler/codegen/header.h"

#include <sstream>
#include <vector>

#include "compiler/support/check.h"

namespace cnnc {
namespace {

bool is_letter(char ch) { return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z'); }
bool is_digit(char ch) { return ch >= '0' && ch <= '9'; }

std::string upper(const std::string& text) {
  std::string result;
  for (char ch : text) result += static_cast<char>(ch >= 'a' && ch <= 'z' ? ch - 'a' + 'A' : ch);
  return result;
}

// Text that stays inside a comment line: no line ends, no backslash that would join lines.
std::string comment_text(const std::string& text) {
  std::string result;
  for (char ch : text) {
    const bool unsafe = static_cast<unsigned char>(ch) < ' ' || ch == 0x7f || ch == '\\';
    result += unsafe ? ' ' : ch;
  }
  return result;
}

// The words for the dimensions of one image or of its result.
std::vector<std::string> dimension_names(const Shape& shape) {
  if (shape.size() == 3) return {"CHANNELS", "HEIGHT", "WIDTH"};
  if (shape.size() == 1) return {"FEATURES"};
  std::vector<std::string> names(shape.size());
  for (size_t i = 0; i < shape.size(); ++i) names[i] = "DIM" + std::to_string(i);
  return names;
}

class HeaderWriter {
 public:
  explicit HeaderWriter(const HeaderDescription& description)
      : net_(description), prefix_(description.prefix), macro_(upper(description.prefix)) {}

  std::string write() {
    const std::string guard = macro_ + "_H";
    essay();
    out_ << "#ifndef " << guard << "\n#define " << guard << "\n\n#include \"cnnc_runtime.h\"\n\n"
         << "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n";
    macros();
    prototype();
    out_ << "#ifdef __cplusplus\n}  // extern \"C\"\n#endif\n\n#endif  // " << guard << "\n";
    return out_.str();
  }

 private:
  void line(const std::string& text = "") { out_ << (text.empty() ? "//" : "// " + text) << "\n"; }

  void define(const std::string& name, int64_t value, const std::string& comment = "") {
    out_ << "#define " << macro_ << "_" << name << " " << value;
    if (!comment.empty()) out_ << "  // " << comment;
    out_ << "\n";
  }

  [[nodiscard]] bool has_workspace() const { return net_.workspace_bytes > 0; }

  // "[1][28][28]"
  static std::string brackets(const Shape& shape) {
    std::string text;
    for (int64_t extent : shape) text += "[" + std::to_string(extent) + "]";
    return text;
  }

  // Comment lines of at most kColumns.
  void paragraph(const std::string& text) {
    constexpr size_t kColumns = 96;
    std::istringstream words(text);
    std::string word, row;
    while (words >> word) {
      if (!row.empty() && row.size() + 1 + word.size() > kColumns) {
        line(row);
        row.clear();
      }
      row += (row.empty() ? "" : " ") + word;
    }
    line(row);
  }

  void essay() {
    const bool single = net_.batch == 1;
    paragraph(prefix_ + ".h: the network \"" + comment_text(net_.model) +
              "\" as a C function. Written by cnnc; do not edit.");
    line();
    paragraph(prefix_ + "_run turns " + std::to_string(net_.batch) +
              (single ? " image into a result." : " images into as many results.") +
              " All numbers are float, in row-major order" +
              (single ? ":" : ", one image after the other:"));
    line("  input   float" + brackets({net_.batch}) + brackets(net_.input) + note(net_.input_note));
    line("  output  float" + brackets({net_.batch}) + brackets(net_.output) +
         note(net_.output_note));
    if (has_workspace()) {
      paragraph("workspace is scratch memory of " + macro_ +
                "_WORKSPACE_BYTES bytes that starts on a multiple of " + macro_ +
                "_ALIGNMENT bytes. Its contents mean nothing before and after a call.");
    } else {
      paragraph("No workspace is needed: pass NULL.");
    }
    line();
    paragraph(
        "The weights are part of the object. The function allocates nothing and keeps nothing: any "
        "number of threads may call it at the same time, each with a workspace and an output of "
        "its "
        "own. context lends it threads; with NULL it runs on the calling thread alone. The results "
        "are the same, bit for bit. See cnnc_runtime.h for contexts and for the meaning of a "
        "status.");
    line();
    paragraph("A program (C11), built with cc app.c " + prefix_ +
              ".o libcnnc_runtime.a -lpthread -lm");
    line();
    example();
  }

  static std::string note(const std::string& text) {
    return text.empty() ? "" : "  " + comment_text(text);
  }

  void example() {
    line("  #include <stdio.h>");
    line("  #include \"" + prefix_ + ".h\"");
    line();
    line("  static float input[" + macro_ + "_BATCH * " + macro_ + "_INPUT_SIZE];");
    line("  static float output[" + macro_ + "_BATCH * " + macro_ + "_OUTPUT_SIZE];");
    if (has_workspace()) {
      line("  static _Alignas(" + macro_ + "_ALIGNMENT) unsigned char workspace[" + macro_ +
           "_WORKSPACE_BYTES];");
    }
    line();
    line("  int main(void) {");
    line("    // ... fill the input ...");
    line("    cnnc_status status = " + prefix_ + "_run(NULL, input, output, " +
         (has_workspace() ? "workspace" : "NULL") + ");");
    line("    if (status != CNNC_OK) {");
    line("      fprintf(stderr, \"%s\\n\", cnnc_status_string(status));");
    line("      return 1;");
    line("    }");
    line("    for (int i = 0; i < " + macro_ +
         "_OUTPUT_SIZE; ++i) printf(\"%d: %g\\n\", i, output[i]);");
    line("    return 0;");
    line("  }");
  }

  void macros() {
    define("BATCH", net_.batch, "images per call");
    shape_macros("INPUT", net_.input, "floats of one image");
    shape_macros("OUTPUT", net_.output, "floats of one result");
    define("WORKSPACE_BYTES", net_.workspace_bytes,
           has_workspace() ? "" : "the workspace may be NULL");
    define("ALIGNMENT", 64, "of the workspace, in bytes");
    if (net_.stack_bytes > 0) {
      define("STACK_BYTES", net_.stack_bytes, "of a thread that computes, at most");
    }
    out_ << "\n";
  }

  void shape_macros(const std::string& what, const Shape& shape, const std::string& comment) {
    const std::vector<std::string> names = dimension_names(shape);
    for (size_t i = 0; i < shape.size(); ++i) define(what + "_" + names[i], shape[i]);
    define(what + "_SIZE", element_count(shape), comment);
  }

  void prototype() {
    out_ << "// Returns CNNC_OK, or\n"
         << "// * CNNC_INVALID_ARGUMENT: a pointer is NULL that must not be;\n"
         << "// * CNNC_MISALIGNED: the workspace starts at a wrong address, or an array of floats "
            "does;\n"
         << "// * CNNC_VERSION_MISMATCH: the context is of another version of the runtime;\n"
         << "// * CNNC_INTERNAL: a loop of the context failed.\n"
         << "cnnc_status " << prefix_ << "_run(const cnnc_context* context, const float* input,\n"
         << std::string(std::string("cnnc_status _run(").size() + prefix_.size(), ' ')
         << "float* output, void* workspace);\n\n";
  }

  const HeaderDescription& net_;
  std::string prefix_;
  std::string macro_;
  std::ostringstream out_;
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
