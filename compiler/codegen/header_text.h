// Text of C headers: comments, macros, names.
#pragma once
#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

#include "compiler/graph/types.h"

namespace cnnc {

// What an application hands over, or gets.
struct HeaderTensor {
  std::string name;  // of the value in the network
  DType dtype = DType::f32;
  Shape shape;  // of one image, without the batch: [channels, height, width], [features], []
  bool channels_last = false;  // [height, width, channels]
  std::string note;            // what the numbers are: "(pixel / 255 - 0.5) / 0.5"
};

// What there is of a batch of that type for each image.
[[nodiscard]] HeaderTensor per_image(std::string name, const Type& batch);

// Text that stays inside a comment line: no line ends, no backslash that would join lines.
[[nodiscard]] std::string comment_text(const std::string& text);
// Text that stays inside a string.
[[nodiscard]] std::string string_text(const std::string& text);
[[nodiscard]] std::string hexadecimal(uint64_t value);
// "1", "1 or 8", "1, 8 or 64".
[[nodiscard]] std::string alternatives(const std::vector<std::string>& words);
[[nodiscard]] const char* c_type(DType dtype);      // "float"
[[nodiscard]] const char* dtype_name(DType dtype);  // "CNNC_DTYPE_F32"
// "uint8_t[images][1][28][28]  pixels from 0 to 255"
[[nodiscard]] std::string array_type(const HeaderTensor& tensor);

// Collects a header, for its writers to derive from. Macros begin with the prefix in capitals.
class HeaderText {
 public:
  explicit HeaderText(const std::string& prefix);

  void line(const std::string& text = "");                   // of a comment
  void paragraph(const std::string& text);                   // as lines of a comment
  void processors(const std::vector<std::string>& targets);  // a paragraph about them
  void define_text(const std::string& name, const std::string& value,
                   const std::string& comment = "");
  void define(const std::string& name, int64_t value, const std::string& comment = "");
  // Its name, type, layout and sizes; `comment` says what <what>_SIZE counts.
  void define_tensor(const std::string& what, const HeaderTensor& tensor,
                     const std::string& comment);

  // The guard, includes and checks of versions before the macros, and the end of the header.
  void open(const std::string& runtime_header);
  void close();

  [[nodiscard]] std::string text() const { return out_.str(); }

 protected:
  std::ostringstream out_;
  std::string prefix_;
  std::string macro_;  // the prefix in capitals
};

}  // namespace cnnc
