// Tested by tests/codegen/header_test.cpp.
#include "compiler/codegen/header_text.h"

#include <cstdio>
#include <utility>

#include "runtime/cnnc_runtime.h"

namespace cnnc {
namespace {

std::string upper(const std::string& text) {
  std::string result;
  for (char ch : text) result += static_cast<char>(ch >= 'a' && ch <= 'z' ? ch - 'a' + 'A' : ch);
  return result;
}

// The words for the dimensions of one image or of its result.
std::vector<std::string> dimension_names(const HeaderTensor& tensor) {
  const size_t rank = tensor.shape.size();
  if (rank == 3 && tensor.channels_last) return {"HEIGHT", "WIDTH", "CHANNELS"};
  if (rank == 3) return {"CHANNELS", "HEIGHT", "WIDTH"};
  if (rank == 1) return {"FEATURES"};
  std::vector<std::string> names(rank);
  for (size_t i = 0; i < names.size(); ++i) names[i] = "DIM" + std::to_string(i);
  return names;
}

const char* layout_name(const HeaderTensor& tensor) {
  if (tensor.shape.size() == 3) {
    return tensor.channels_last ? "CNNC_LAYOUT_NHWC" : "CNNC_LAYOUT_NCHW";
  }
  return "CNNC_LAYOUT_ROWS";
}

}  // namespace

std::string comment_text(const std::string& text) {
  std::string result;
  for (char ch : text) {
    const bool unsafe = static_cast<unsigned char>(ch) < ' ' || ch == 0x7f || ch == '\\';
    result += unsafe ? ' ' : ch;
  }
  return result;
}

std::string string_text(const std::string& text) {
  std::string result;
  for (char ch : comment_text(text)) result += ch == '"' ? '\'' : ch;
  return result;
}

std::string hexadecimal(uint64_t value) {
  char text[32];
  std::snprintf(text, sizeof text, "0x%016llx", static_cast<unsigned long long>(value));
  return text;
}

std::string alternatives(const std::vector<std::string>& words) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += words[i];
  }
  return text;
}

const char* c_type(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "float";
    case DType::i32:
      return "int32_t";
    case DType::u8:
      return "uint8_t";
  }
  return "float";
}

const char* dtype_name(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "CNNC_DTYPE_F32";
    case DType::i32:
      return "CNNC_DTYPE_I32";
    case DType::u8:
      return "CNNC_DTYPE_U8";
  }
  return "CNNC_DTYPE_F32";
}

HeaderTensor per_image(std::string name, const Type& batch) {
  HeaderTensor tensor;
  tensor.name = std::move(name);
  tensor.dtype = batch.dtype;
  tensor.shape = {batch.shape.begin() + 1, batch.shape.end()};
  return tensor;
}

std::string array_type(const HeaderTensor& tensor) {
  std::string text = std::string(c_type(tensor.dtype)) + "[images]";
  for (int64_t extent : tensor.shape) text += "[" + std::to_string(extent) + "]";
  return text + (tensor.note.empty() ? "" : "  " + comment_text(tensor.note));
}

HeaderText::HeaderText(const std::string& prefix) : prefix_(prefix), macro_(upper(prefix)) {}

void HeaderText::line(const std::string& text) {
  out_ << (text.empty() ? "//" : "// " + text) << "\n";
}

void HeaderText::paragraph(const std::string& text) {
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

void HeaderText::processors(const std::vector<std::string>& targets) {
  if (targets.empty()) return;
  line();
  const bool several = targets.size() > 1;
  paragraph(
      "The object has code for " +
      (several
           ? alternatives(targets) + " and takes the first of them that the processor can run."
           : (targets[0] == "host" ? "the processor that it was compiled on." : targets[0] + ".")));
}

void HeaderText::define_text(const std::string& name, const std::string& value,
                             const std::string& comment) {
  out_ << "#define " << macro_ << "_" << name << " " << value;
  if (!comment.empty()) out_ << "  // " << comment;
  out_ << "\n";
}

void HeaderText::define(const std::string& name, int64_t value, const std::string& comment) {
  define_text(name, std::to_string(value), comment);
}

void HeaderText::define_tensor(const std::string& what, const HeaderTensor& tensor,
                               const std::string& comment) {
  define_text(what + "_NAME", "\"" + string_text(tensor.name) + "\"");
  define_text(what + "_DTYPE", dtype_name(tensor.dtype));
  define_text(what + "_LAYOUT", layout_name(tensor));
  const std::vector<std::string> names = dimension_names(tensor);
  for (size_t i = 0; i < names.size(); ++i) define(what + "_" + names[i], tensor.shape[i]);
  define(what + "_SIZE", element_count(tensor.shape), comment);
}

void HeaderText::open(const std::string& runtime_header) {
  const std::string guard = macro_ + "_H";
  out_ << "#ifndef " << guard << "\n#define " << guard << "\n\n#include \"" << runtime_header
       << "\"\n\n#if CNNC_ABI_VERSION != " << CNNC_ABI_VERSION << "\n#error \"" << prefix_
       << ".h and cnnc_runtime.h do not belong together: compile the network again\"\n#endif\n\n"
       << "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n";
}

void HeaderText::close() {
  out_ << "#ifdef __cplusplus\n}  // extern \"C\"\n#endif\n\n#endif  // " << macro_ << "_H\n";
}

}  // namespace cnnc
