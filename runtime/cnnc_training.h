// cnnc_training.h — training of compiled networks in an application.
//
// `cnnc --train` makes an object with the code of a training step, and a header that describes the
// network to the functions below and wraps them under the network's own names. Applications call
// those wrappers.
//
// All that training changes lies in one block of the caller's, the state: the parameters, what the
// optimizer keeps of each, the number of steps done, the learning rate. A copy of the block is a
// checkpoint, and belongs to machines of the same byte order.
//
// Parameters go in and out as safetensors, the format in which PyTorch's users exchange them.
#ifndef CNNC_TRAINING_H
#define CNNC_TRAINING_H

#include "cnnc_runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

// ---------------------------------------------------------------------------------------- state

#define CNNC_STATE_MAGIC UINT64_C(0x315441545343434e)  // "NCCSTAT1"

// What the state begins with.
typedef struct cnnc_training_state {
  uint64_t magic;       // CNNC_STATE_MAGIC
  uint64_t tensors_id;  // of the names, shapes and places of the tensors behind
  uint64_t seed;        // of what is drawn while training, such as dropout
  int32_t steps;        // done so far
  float learning_rate;  // of the next step
  uint64_t reserved[4];
} cnnc_training_state;

// ---------------------------------------------------------------------------------- description

#define CNNC_MOST_DIMENSIONS 6

// A tensor in the state.
typedef struct cnnc_tensor {
  const char* name;  // PyTorch's: "conv1.weight"
  int is_weight;     // belongs to the network; else to the optimizer
  int dimensions;
  uint64_t shape[CNNC_MOST_DIMENSIONS];
  uint64_t elements;  // float, row-major
  uint64_t place;     // in the state, in bytes
  float bound;        // initial elements are drawn from [-bound, bound) ...
  float fill;         // ... or, where that is 0, are this
} cnnc_tensor;

typedef int32_t (*cnnc_step_entry)(uint64_t build_id, const cnnc_context* context,
                                   const void* images, const void* targets, const int32_t* count,
                                   const float* learning_rate, const int32_t* step,
                                   const int32_t* seed, float* loss, void* tensors, void* workspace,
                                   size_t workspace_bytes);
typedef int32_t (*cnnc_evaluate_entry)(uint64_t build_id, const cnnc_context* context,
                                       const void* images, const void* targets,
                                       const int32_t* count, float* outputs, float* loss,
                                       const void* tensors, void* workspace,
                                       size_t workspace_bytes);

// A network as its header describes it.
typedef struct cnnc_training {
  uint64_t build_id;
  cnnc_step_entry step;
  cnnc_evaluate_entry evaluate;
  const cnnc_tensor* tensors;  // those of the network in PyTorch's order
  int tensor_count;
  uint64_t tensors_id;
  size_t state_bytes;
  float learning_rate;  // of a new state
  size_t batch;         // images of a step
  size_t image_bytes, target_bytes, output_bytes;
  // Where targets are numbers of classes: for each image, `pixels` of them, and outputs
  // [classes][pixels]. Else both are 0.
  size_t classes, pixels;
  size_t workspace_bytes;
  size_t images_place, targets_place, outputs_place;  // of a batch in the workspace
  size_t export_bytes;                                // of the weights as a safetensors file ...
  size_t export_json_bytes;                           // ... and of its JSON
} cnnc_training;

// ------------------------------------------------------------------------------------ functions
//
// Every function returns CNNC_OK, or
// * CNNC_INVALID_ARGUMENT: a pointer is NULL, or `count` out of its range;
// * CNNC_MISALIGNED: the state or the workspace does not start on a multiple of 64, or an array at
//   an address that its elements may not have;
// * CNNC_WORKSPACE_TOO_SMALL: the state, the workspace or the buffer has fewer bytes than needed;
// * CNNC_BAD_WEIGHTS: the state is none of this network, or the file that is imported is not;
// * what a network's function returns: see its header.
// What a failed call was to change is as it was, unless a loop of the context failed.

// A new network: parameters as PyTorch draws them after torch.manual_seed(seed), a new optimizer.
cnnc_status cnnc_training_init(const cnnc_training* training, void* state, size_t state_bytes,
                               uint64_t seed);

// One step on 1 to `batch` images. *loss is their mean loss before the step. A target that is the
// number of no class counts as the nearest that is, unless the loss ignores it.
cnnc_status cnnc_training_step(const cnnc_training* training, const cnnc_context* context,
                               void* state, const void* images, const void* targets, size_t count,
                               float* loss, void* workspace, size_t workspace_bytes);

typedef struct cnnc_evaluation {
  double loss;     // mean over the images
  size_t correct;  // targets whose class has the greatest output; 0 if there are no classes
  size_t targets;  // that are classes: one for each image, or for each of its pixels
  size_t count;    // images
} cnnc_evaluation;

// Loss and hits of any number of images.
cnnc_status cnnc_training_evaluate(const cnnc_training* training, const cnnc_context* context,
                                   const void* state, const void* images, const void* targets,
                                   size_t count, cnnc_evaluation* evaluation, void* workspace,
                                   size_t workspace_bytes);

// What the network makes of any number of images.
cnnc_status cnnc_training_predict(const cnnc_training* training, const cnnc_context* context,
                                  const void* state, const void* images, size_t count,
                                  float* outputs, void* workspace, size_t workspace_bytes);

// Sets the parameters to those of a safetensors file in memory, which has all of them; other
// tensors in it do not matter. The optimizer's tensors stay.
cnnc_status cnnc_training_import(const cnnc_training* training, void* state, const void* file,
                                 size_t bytes);

// Writes the parameters as a safetensors file of `export_bytes` bytes.
cnnc_status cnnc_training_export(const cnnc_training* training, const void* state, void* file,
                                 size_t bytes);

// --------------------------------------------------------------------------------------- random

// PyTorch's generator: a Mersenne Twister, MT19937, of which the seed's low 32 bits matter.
typedef struct cnnc_random {
  uint32_t words[624];
  int next;
} cnnc_random;

void cnnc_random_seed(cnnc_random* random, uint64_t seed);
uint32_t cnnc_random_draw(cnnc_random* random);
// Fills out[0..count) with floats from [low, high) as PyTorch's uniform_ does, one draw each.
void cnnc_random_uniform(cnnc_random* random, float low, float high, float* out, uint64_t count);

#ifdef __cplusplus
}  // extern "C"
#endif

#endif  // CNNC_TRAINING_H
