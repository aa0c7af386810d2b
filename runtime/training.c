// Training of compiled networks. Needs no operating system.
// Tested by tests/e2e/training_object_test.cpp.
#include "state.h"

enum { block_alignment = 64 };

static int is_misaligned(const void* block) { return (uintptr_t)block % block_alignment != 0; }

static float* tensor_in(void* state, const cnnc_tensor* tensor) {
  return (float*)((uint8_t*)state + tensor->place);
}

static cnnc_status check_workspace(const cnnc_training* training, const void* workspace,
                                   size_t bytes) {
  if (workspace == NULL) return CNNC_INVALID_ARGUMENT;
  if (is_misaligned(workspace)) return CNNC_MISALIGNED;
  return bytes < training->workspace_bytes ? CNNC_WORKSPACE_TOO_SMALL : CNNC_OK;
}

static const void* tensors_in(const void* state) {
  return (const uint8_t*)state + sizeof(cnnc_training_state);
}

// Compiled code reads a whole batch: a smaller one is copied into the workspace, with zeros behind.
static const void* whole_batch(const void* given, size_t count, size_t batch, size_t bytes,
                               uint8_t* place) {
  if (count == batch) return given;
  copy_bytes(place, given, count * bytes);
  clear_bytes(place + count * bytes, (batch - count) * bytes);
  return place;
}

cnnc_status cnnc_training_init(const cnnc_training* training, void* state, size_t state_bytes,
                               uint64_t seed) {
  if (training == NULL || state == NULL) return CNNC_INVALID_ARGUMENT;
  if (is_misaligned(state)) return CNNC_MISALIGNED;
  if (state_bytes < training->state_bytes) return CNNC_WORKSPACE_TOO_SMALL;
  clear_bytes(state, training->state_bytes);
  cnnc_training_state* const head = (cnnc_training_state*)state;
  head->magic = CNNC_STATE_MAGIC;
  head->tensors_id = training->tensors_id;
  head->seed = seed;
  head->learning_rate = training->learning_rate;
  cnnc_random random;
  cnnc_random_seed(&random, seed);
  for (int i = 0; i < training->tensor_count; ++i) {
    const cnnc_tensor* const tensor = &training->tensors[i];
    float* const out = tensor_in(state, tensor);
    if (tensor->bound != 0) {
      cnnc_random_uniform(&random, -tensor->bound, tensor->bound, out, tensor->elements);
    } else {
      for (uint64_t k = 0; k < tensor->elements; ++k) out[k] = tensor->fill;
    }
  }
  return CNNC_OK;
}

cnnc_status cnnc_training_step(const cnnc_training* training, const cnnc_context* context,
                               void* state, const void* images, const void* targets, size_t count,
                               float* loss, void* workspace, size_t workspace_bytes) {
  if (training == NULL || images == NULL || targets == NULL || loss == NULL || count < 1 ||
      count > training->batch) {
    return CNNC_INVALID_ARGUMENT;
  }
  cnnc_status status = check_state(training, state);
  if (status == CNNC_OK) status = check_workspace(training, workspace, workspace_bytes);
  if (status != CNNC_OK) return status;
  cnnc_training_state* const head = (cnnc_training_state*)state;
  uint8_t* const work = (uint8_t*)workspace;
  const int32_t counted = (int32_t)count;
  // Every step draws other numbers.
  const int32_t seed =
      (int32_t)((uint32_t)head->seed * UINT32_C(2654435761) + (uint32_t)head->steps);
  images = whole_batch(images, count, training->batch, training->image_bytes,
                       work + training->images_place);
  targets = whole_batch(targets, count, training->batch, training->target_bytes,
                        work + training->targets_place);
  status = (cnnc_status)training->step(
      training->build_id, context, images, targets, &counted, &head->learning_rate, &head->steps,
      &seed, loss, (uint8_t*)state + sizeof(cnnc_training_state), workspace, workspace_bytes);
  if (status == CNNC_OK) ++head->steps;
  return status;
}

// Targets of an image whose class has the greatest output.
static size_t hits(const cnnc_training* training, const float* outputs, const uint8_t* targets) {
  size_t correct = 0;
  for (size_t pixel = 0; pixel < training->pixels; ++pixel) {
    size_t best = 0;
    for (size_t c = 1; c < training->classes; ++c) {
      if (outputs[c * training->pixels + pixel] > outputs[best * training->pixels + pixel])
        best = c;
    }
    int32_t label = 0;
    copy_bytes(&label, targets + pixel * sizeof label, sizeof label);
    correct += (int64_t)best == label;
  }
  return correct;
}

// Runs the images in batches. Without targets they count as class 0 and nothing is evaluated;
// without outputs they stay in the workspace.
static cnnc_status run_batches(const cnnc_training* training, const cnnc_context* context,
                               const void* state, const uint8_t* images, const uint8_t* targets,
                               size_t count, float* outputs, cnnc_evaluation* evaluation,
                               uint8_t* workspace, size_t workspace_bytes) {
  uint8_t* const no_targets = workspace + training->targets_place;
  float* const staged = (float*)(workspace + training->outputs_place);
  double loss_sum = 0;
  size_t correct = 0;
  if (targets == NULL) clear_bytes(no_targets, training->batch * training->target_bytes);
  for (size_t done = 0; done < count;) {
    const size_t left = count - done;
    const size_t size = left < training->batch ? left : training->batch;
    const int32_t counted = (int32_t)size;
    const size_t output_values = training->output_bytes / sizeof(float);
    const void* const of_targets =
        targets == NULL ? no_targets
                        : whole_batch(targets + done * training->target_bytes, size,
                                      training->batch, training->target_bytes, no_targets);
    float* const results =
        outputs != NULL && size == training->batch ? outputs + done * output_values : staged;
    float loss = 0;
    const cnnc_status status = (cnnc_status)training->evaluate(
        training->build_id, context,
        whole_batch(images + done * training->image_bytes, size, training->batch,
                    training->image_bytes, workspace + training->images_place),
        of_targets, &counted, results, &loss, tensors_in(state), workspace, workspace_bytes);
    if (status != CNNC_OK) return status;
    if (outputs != NULL && results == staged) {
      copy_bytes(outputs + done * output_values, staged, size * training->output_bytes);
    }
    loss_sum += (double)loss * (double)size;
    for (size_t i = 0; targets != NULL && i < size; ++i) {
      correct += hits(training, results + i * output_values,
                      (const uint8_t*)of_targets + i * training->target_bytes);
    }
    done += size;
  }
  if (evaluation != NULL) {
    evaluation->loss = count > 0 ? loss_sum / (double)count : 0;
    evaluation->correct = correct;
    evaluation->targets = count * training->pixels;
    evaluation->count = count;
  }
  return CNNC_OK;
}

cnnc_status cnnc_training_evaluate(const cnnc_training* training, const cnnc_context* context,
                                   const void* state, const void* images, const void* targets,
                                   size_t count, cnnc_evaluation* evaluation, void* workspace,
                                   size_t workspace_bytes) {
  if (training == NULL || images == NULL || targets == NULL || evaluation == NULL) {
    return CNNC_INVALID_ARGUMENT;
  }
  cnnc_status status = check_state(training, state);
  if (status == CNNC_OK) status = check_workspace(training, workspace, workspace_bytes);
  if (status != CNNC_OK) return status;
  return run_batches(training, context, state, (const uint8_t*)images, (const uint8_t*)targets,
                     count, NULL, evaluation, (uint8_t*)workspace, workspace_bytes);
}

cnnc_status cnnc_training_predict(const cnnc_training* training, const cnnc_context* context,
                                  const void* state, const void* images, size_t count,
                                  float* outputs, void* workspace, size_t workspace_bytes) {
  if (training == NULL || images == NULL || outputs == NULL) return CNNC_INVALID_ARGUMENT;
  cnnc_status status = check_state(training, state);
  if (status == CNNC_OK) status = check_workspace(training, workspace, workspace_bytes);
  if (status != CNNC_OK) return status;
  return run_batches(training, context, state, (const uint8_t*)images, NULL, count, outputs, NULL,
                     (uint8_t*)workspace, workspace_bytes);
}
