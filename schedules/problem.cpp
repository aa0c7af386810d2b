// Problems as text.
#include <sstream>

#include "schedules/schedule.h"

namespace cnnc {
namespace {

// A field of a convolution's height, and of its width where that differs.
void write_axes(std::ostringstream& text, const char* name, int64_t h, int64_t w) {
  text << name << "h" << h;
  if (w != h) text << name << "w" << w;
}

// Batch, channels and image of a convolution: of its input, then of its output.
struct Ends {
  int64_t batch = 1;
  int64_t in = 1, in_h = 1, in_w = 1;
  int64_t out = 1, out_h = 1, out_w = 1;
  int64_t kernel_h = 1, kernel_w = 1;
};

Ends ends_of(const Problem& p) {
  if (p.family == "conv_weight_grad") {
    return {p.reduce_c, p.c * p.groups, p.input_h, p.input_w, p.n,
            p.reduce_h, p.reduce_w,     p.h,       p.w};
  }
  const int64_t reduced = p.reduce_c * p.groups;
  if (p.transposed) {
    return {p.n, p.c, p.h, p.w, reduced, p.input_h, p.input_w, p.reduce_h, p.reduce_w};
  }
  return {p.n, reduced, p.input_h, p.input_w, p.c, p.h, p.w, p.reduce_h, p.reduce_w};
}

void write_convolution(std::ostringstream& text, const Problem& p) {
  const Ends ends = ends_of(p);
  if (p.groups != 1) text << "g" << p.groups;
  text << "mb" << ends.batch << "ic" << ends.in;
  write_axes(text, "i", ends.in_h, ends.in_w);
  text << "oc" << ends.out;
  write_axes(text, "o", ends.out_h, ends.out_w);
  write_axes(text, "k", ends.kernel_h, ends.kernel_w);
  if (p.stride_h != 1 || p.stride_w != 1) write_axes(text, "s", p.stride_h, p.stride_w);
  if (p.dilation_h != 1 || p.dilation_w != 1) {
    write_axes(text, "d", p.dilation_h - 1, p.dilation_w - 1);
  }
}

}  // namespace

std::string to_string(const Problem& p) {
  std::ostringstream text;
  if (p.family == "conv") {
    if (p.transposed) text << "bwd_d ";
    write_convolution(text, p);
  } else if (p.family == "conv_weight_grad") {
    text << "bwd_w ";
    write_convolution(text, p);
  } else if (p.family == "linear") {
    text << "mb" << p.n << "ic" << p.reduce_c << "oc" << p.c;
  } else if (p.family == "linear_weight_grad") {
    text << "bwd_w mb" << p.reduce_c << "ic" << p.c << "oc" << p.n;
  } else if (p.family == "product") {
    text << "product of " << p.n << "x" << p.c;
    if (p.rank > 2) text << "x" << p.h;
    if (p.rank > 3) text << "x" << p.w;
    text << ", " << p.reduce_c << " terms";
  } else {
    return "";
  }
  if (p.window_h > 0) text << ", pooled " << p.window_h << "x" << p.window_w;
  if (p.staged_row_bytes > 0) text << ", its input computed here";
  return text.str();
}

}  // namespace cnnc
