// Tested by tests/codegen/training_header_test.cpp.
#include "compiler/codegen/training_header.h"

#include <cstdio>

#include "compiler/codegen/header.h"
#include "compiler/support/check.h"

namespace cnnc {
namespace {

// Nine digits give a float back exactly.
std::string float_text(float value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", static_cast<double>(value));
  return text;
}

class TrainingHeaderWriter : HeaderText {
 public:
  explicit TrainingHeaderWriter(const TrainingDescription& description)
      : HeaderText(description.prefix), net_(description) {}

  std::string write() {
    essay();
    open("cnnc_training.h");
    macros();
    entries();
    table();
    functions();
    close();
    return text();
  }

 private:
  void essay() {
    paragraph(prefix_ + ".h: the training of the network \"" + comment_text(net_.model) +
              "\" as C functions. Written by cnnc; do not edit.");
    line();
    paragraph("All that training changes is in one block of yours, the state: " + macro_ +
              "_STATE_BYTES bytes that start on a multiple of 64. " + prefix_ +
              "_init makes a new network of it, " + prefix_ +
              "_step trains. A copy of the block is a checkpoint.");
    line("  images   " + array_type(net_.image));
    line("  targets  " + array_type(net_.target));
    line("  outputs  " + array_type(net_.output));
    paragraph("workspace is scratch memory of at least " + macro_ +
              "_WORKSPACE_BYTES bytes that starts on a multiple of 64; one workspace serves any "
              "number of states, one after the other. The functions allocate nothing and keep "
              "nothing. context lends them threads; with NULL they run on the calling thread "
              "alone. The results are the same, bit for bit. cnnc_training.h says what a status "
              "means.");
    processors(net_.targets);
    line();
    paragraph("A program (C11), built with cc app.c " + prefix_ +
              ".o libcnnc_runtime.a -lpthread -lm");
    line();
    example();
  }

  void example() {
    const std::string image = std::string(c_type(net_.image.dtype)),
                      target = std::string(c_type(net_.target.dtype));
    line("  #include <stdio.h>");
    line("  #include \"" + prefix_ + ".h\"");
    line();
    line("  static _Alignas(64) unsigned char state[" + macro_ + "_STATE_BYTES];");
    line("  static _Alignas(64) unsigned char workspace[" + macro_ + "_WORKSPACE_BYTES];");
    line("  static " + image + " images[" + macro_ + "_BATCH * " + macro_ + "_INPUT_SIZE];");
    line("  static " + target + " targets[" + macro_ + "_BATCH * " + macro_ + "_TARGET_SIZE];");
    line();
    line("  int main(void) {");
    line("    cnnc_status status = " + prefix_ + "_init(state, sizeof state, 0);");
    line("    for (int step = 0; step < 10 && status == CNNC_OK; ++step) {");
    line("      // ... fill images and targets ...");
    line("      float loss = 0;");
    line("      status = " + prefix_ + "_step(NULL, state, images, targets, " + macro_ +
         "_BATCH, &loss,");
    line("                   workspace, sizeof workspace);");
    line("      printf(\"%g\\n\", loss);");
    line("    }");
    line("    if (status != CNNC_OK) fprintf(stderr, \"%s\\n\", cnnc_status_string(status));");
    line("    return status != CNNC_OK;");
    line("  }");
  }

  void macros() {
    const cnnc_training& n = net_.numbers;
    define_text("BUILD_ID", "UINT64_C(" + hexadecimal(n.build_id) + ")",
                "of this header and its object");
    define("BATCH", static_cast<int64_t>(n.batch), "images of a step, at most");
    define_tensor("INPUT", net_.image, "elements of one image");
    define_text("TARGET_DTYPE", dtype_name(net_.target.dtype));
    define("TARGET_SIZE", element_count(net_.target.shape), "elements for one image");
    define_tensor("OUTPUT", net_.output, "elements of one result");
    define("STATE_BYTES", static_cast<int64_t>(n.state_bytes));
    define("WORKSPACE_BYTES", static_cast<int64_t>(n.workspace_bytes));
    define("EXPORT_BYTES", static_cast<int64_t>(n.export_bytes), "of the weights as a file");
    if (net_.stack_bytes > 0) {
      define("STACK_BYTES", net_.stack_bytes, "of a thread that computes, at most");
    }
    define("ALIGNMENT", 64, "of the state and the workspace, in bytes");
    out_ << "\n";
  }

  void entries() {
    out_ << "// The functions in the object, for those below.\n"
         << "int32_t " << net_.step_entry << "(\n"
         << "    uint64_t build_id, const cnnc_context* context, const void* images,\n"
         << "    const void* targets, const int32_t* count, const float* learning_rate,\n"
         << "    const int32_t* step, const int32_t* seed, float* loss, void* tensors,\n"
         << "    void* workspace, size_t workspace_bytes);\n"
         << "int32_t " << net_.evaluate_entry << "(\n"
         << "    uint64_t build_id, const cnnc_context* context, const void* images,\n"
         << "    const void* targets, const int32_t* count, float* outputs, float* loss,\n"
         << "    const void* tensors, void* workspace, size_t workspace_bytes);\n\n";
  }

  void tensors() {
    out_ << "  static const cnnc_tensor tensors[] = {\n";
    for (const cnnc_tensor& t : runtime_tensors(net_.tensors)) {
      out_ << "    {\"" << string_text(t.name) << "\", " << t.is_weight << ", " << t.dimensions
           << ", {";
      for (int i = 0; i < t.dimensions; ++i) out_ << (i > 0 ? ", " : "") << t.shape[i];
      out_ << (t.dimensions == 0 ? "0" : "") << "}, " << t.elements << ", " << t.place
           << ", (float)" << float_text(t.bound) << ", (float)" << float_text(t.fill) << "},\n";
    }
    out_ << "  };\n";
  }

  void table() {
    const cnnc_training& n = net_.numbers;
    out_ << "// The network, for the functions of cnnc_training.h.\n"
         << "static inline const cnnc_training* " << prefix_ << "_training(void) {\n";
    tensors();
    out_ << "  static const cnnc_training training = {\n    " << macro_ << "_BUILD_ID, "
         << net_.step_entry << ", " << net_.evaluate_entry << ",\n    tensors, "
         << net_.tensors.size() << ", UINT64_C(" << hexadecimal(n.tensors_id) << "), " << macro_
         << "_STATE_BYTES,\n    (float)" << float_text(n.learning_rate) << ", " << macro_
         << "_BATCH, " << n.image_bytes << ", " << n.target_bytes << ", " << n.output_bytes << ", "
         << n.classes << ", " << n.pixels << ",\n    " << macro_ << "_WORKSPACE_BYTES, "
         << n.images_place << ", " << n.targets_place << ", " << n.outputs_place << ",\n    "
         << macro_ << "_EXPORT_BYTES, " << n.export_json_bytes << "};\n"
         << "  return &training;\n}\n\n";
  }

  // A function that hands its parameters on.
  void function(const std::string& comment, const std::string& name, const std::string& parameters,
                const std::string& arguments) {
    out_ << comment << "static inline cnnc_status " << prefix_ << "_" << name << "(\n    "
         << parameters << ") {\n  return cnnc_training_" << name << "(\n    " << prefix_
         << "_training(), " << arguments << ");\n}\n\n";
  }

  void functions() {
    const std::string image = "const " + std::string(c_type(net_.image.dtype)) + "* images",
                      target = "const " + std::string(c_type(net_.target.dtype)) + "* targets",
                      work = "void* workspace, size_t workspace_bytes",
                      pass = ", workspace, workspace_bytes";
    function("// A new network: parameters as PyTorch draws them after torch.manual_seed(seed).\n",
             "init", "void* state, size_t state_bytes, uint64_t seed", "state, state_bytes, seed");
    function("// One step on 1 to " + macro_ +
                 "_BATCH images. *loss is their mean loss before the step.\n",
             "step",
             "const cnnc_context* context, void* state, " + image + ",\n    " + target +
                 ", size_t count, float* loss, " + work,
             "context, state, images, targets, count, loss" + pass);
    out_ << "// The learning rate of the steps to come; " << float_text(net_.numbers.learning_rate)
         << " in a new state.\nstatic inline void " << prefix_
         << "_set_learning_rate(void* state, float rate) {\n"
         << "  ((cnnc_training_state*)state)->learning_rate = rate;\n}\n\n";
    function("// Mean loss and hits of any number of images.\n", "evaluate",
             "const cnnc_context* context, const void* state, " + image + ",\n    " + target +
                 ", size_t count, cnnc_evaluation* evaluation,\n    " + work,
             "context, state, images, targets, count, evaluation" + pass);
    function("// What the network makes of any number of images.\n", "predict",
             "const cnnc_context* context, const void* state, " + image +
                 ",\n    size_t count, float* outputs, " + work,
             "context, state, images, count, outputs" + pass);
    function(
        "// Sets the weights to those of a safetensors file in memory, as cnnc-train and "
        "PyTorch write\n// them.\n",
        "import", "void* state, const void* file, size_t bytes", "state, file, bytes");
    function("// Writes the weights as a safetensors file of " + macro_ + "_EXPORT_BYTES bytes.\n",
             "export", "const void* state, void* file, size_t bytes", "state, file, bytes");
  }

  const TrainingDescription& net_;
};

}  // namespace

uint64_t tensors_id(const std::vector<TrainingTensor>& tensors) {
  std::string text;
  for (const TrainingTensor& tensor : tensors) {
    text += tensor.name + " " + to_string(tensor.shape) + " " + std::to_string(tensor.place) + "\n";
  }
  return cnnc_weights_checksum(text.data(), text.size());
}

std::vector<cnnc_tensor> runtime_tensors(const std::vector<TrainingTensor>& tensors) {
  std::vector<cnnc_tensor> result;
  for (const TrainingTensor& tensor : tensors) {
    CNNC_CHECK(tensor.shape.size() <= CNNC_MOST_DIMENSIONS, tensor.name + ": too many dimensions");
    cnnc_tensor t = {};
    t.name = tensor.name.c_str();
    t.is_weight = tensor.is_weight ? 1 : 0;
    t.dimensions = static_cast<int>(tensor.shape.size());
    for (size_t i = 0; i < tensor.shape.size(); ++i) {
      t.shape[i] = static_cast<uint64_t>(tensor.shape[i]);
    }
    t.elements = static_cast<uint64_t>(element_count(tensor.shape));
    t.place = static_cast<uint64_t>(tensor.place);
    t.bound = tensor.bound;
    t.fill = tensor.fill;
    result.push_back(t);
  }
  return result;
}

std::string c_training_header(const TrainingDescription& description) {
  CNNC_CHECK(description.prefix == c_identifier(description.prefix),
             "prefix " + description.prefix + " is no C identifier");
  return TrainingHeaderWriter(description).write();
}

}  // namespace cnnc
