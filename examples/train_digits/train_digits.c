// Trains the digit network of models/mnist_cnn.json in plain C: the object that `cnnc --train`
// writes, the runtime, and nothing else.
//
//   train_digits FOLDER [EPOCHS [WEIGHTS.safetensors]]
//
// FOLDER has the four files of MNIST, unpacked. The weights are written at the end; cnnc compiles
// them, and PyTorch loads them.
#include <stdio.h>
#include <stdlib.h>

#include "mnist_train.h"

enum { image_size = MNIST_TRAIN_INPUT_SIZE, batch = MNIST_TRAIN_BATCH };

static _Alignas(64) unsigned char state[MNIST_TRAIN_STATE_BYTES];
static _Alignas(64) unsigned char workspace[MNIST_TRAIN_WORKSPACE_BYTES];
static unsigned char exported[MNIST_TRAIN_EXPORT_BYTES];

typedef struct images {
  size_t count;
  unsigned char* pixels;  // [count][28][28]
  unsigned char* labels;  // [count]
} images;

static void fail(const char* what, const char* why) {
  fprintf(stderr, "train_digits: %s: %s\n", what, why);
  exit(1);
}

static void check(cnnc_status status, const char* what) {
  if (status != CNNC_OK) fail(what, cnnc_status_string(status));
}

// The bytes of an IDX file: a header of `dimensions` big-endian numbers, then one byte for each
// element. *count becomes the first number.
static unsigned char* read_idx(const char* folder, const char* name, int dimensions, size_t element,
                               size_t* count) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE* const file = fopen(path, "rb");
  if (file == NULL) fail(path, "cannot be opened");
  unsigned char header[16];
  const size_t header_bytes = 4 + 4 * (size_t)dimensions;
  if (fread(header, 1, header_bytes, file) != header_bytes || header[2] != 8 ||
      header[3] != dimensions) {
    fail(path, "is no IDX file of bytes, or not unpacked");
  }
  *count = (size_t)header[4] << 24 | (size_t)header[5] << 16 | (size_t)header[6] << 8 | header[7];
  unsigned char* const bytes = malloc(*count * element);
  if (bytes == NULL || fread(bytes, element, *count, file) != *count) fail(path, "ends too early");
  fclose(file);
  return bytes;
}

static images read_images(const char* folder, const char* pixels, const char* labels) {
  images result;
  size_t label_count = 0;
  result.pixels = read_idx(folder, pixels, 3, image_size, &result.count);
  result.labels = read_idx(folder, labels, 1, 1, &label_count);
  if (label_count != result.count) fail(folder, "does not have as many labels as images");
  return result;
}

// Image `from` as number `to` of what the network gets.
static void put(const images* set, size_t from, size_t to, float* pixels, int32_t* labels) {
  for (size_t i = 0; i < image_size; ++i) {
    pixels[to * image_size + i] = (float)set->pixels[from * image_size + i] / 255;
  }
  labels[to] = set->labels[from];
}

static void shuffle(size_t* order, size_t count, cnnc_random* random) {
  for (size_t i = count; i > 1; --i) {
    const size_t other = cnnc_random_draw(random) % i;
    const size_t last = order[i - 1];
    order[i - 1] = order[other];
    order[other] = last;
  }
}

static void train(const cnnc_context* context, const images* set, const size_t* order) {
  static float pixels[batch * image_size];
  static int32_t labels[batch];
  double sum = 0;
  size_t steps = 0;
  for (size_t first = 0; first < set->count; first += batch) {
    const size_t count = set->count - first < batch ? set->count - first : batch;
    for (size_t i = 0; i < count; ++i) put(set, order[first + i], i, pixels, labels);
    float loss = 0;
    check(
        mnist_train_step(context, state, pixels, labels, count, &loss, workspace, sizeof workspace),
        "a step");
    sum += loss;
    ++steps;
  }
  printf("mean loss %.4f, ", sum / (double)steps);
}

static void test(const cnnc_context* context, const images* set) {
  float* const pixels = malloc(set->count * image_size * sizeof(float));
  int32_t* const labels = malloc(set->count * sizeof(int32_t));
  if (pixels == NULL || labels == NULL) fail("the test", "no memory");
  for (size_t i = 0; i < set->count; ++i) put(set, i, i, pixels, labels);
  cnnc_evaluation found;
  check(mnist_train_evaluate(context, state, pixels, labels, set->count, &found, workspace,
                             sizeof workspace),
        "the test");
  printf("accuracy %.2f %% (%zu of %zu)\n", 100.0 * (double)found.correct / (double)found.count,
         found.correct, found.count);
  free(labels);
  free(pixels);
}

int main(int argc, char** argv) {
  const int epochs = argc > 2 ? atoi(argv[2]) : 1;
  if (argc < 2 || argc > 4 || epochs < 1) {
    fprintf(stderr, "usage: train_digits FOLDER [EPOCHS [WEIGHTS.safetensors]]\n");
    return 2;
  }
  const images training =
      read_images(argv[1], "train-images-idx3-ubyte", "train-labels-idx1-ubyte");
  const images tests = read_images(argv[1], "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte");

  cnnc_pool* pool = NULL;
  check(cnnc_pool_create(0, &pool), "threads");
  cnnc_context context;
  cnnc_context_init(&context);
  cnnc_context_use_pool(&context, pool);

  check(mnist_train_init(state, sizeof state, 0), "a new network");
  size_t* const order = malloc(training.count * sizeof *order);
  if (order == NULL) fail("the order of images", "no memory");
  for (size_t i = 0; i < training.count; ++i) order[i] = i;
  cnnc_random random;
  cnnc_random_seed(&random, 0);
  for (int epoch = 1; epoch <= epochs; ++epoch) {
    printf("epoch %d: ", epoch);
    shuffle(order, training.count, &random);
    train(&context, &training, order);
    test(&context, &tests);
  }
  if (argc > 3) {
    check(mnist_train_export(state, exported, sizeof exported), "the weights");
    FILE* const file = fopen(argv[3], "wb");
    if (file == NULL || fwrite(exported, sizeof exported, 1, file) != 1 || fclose(file) != 0) {
      fail(argv[3], "cannot be written");
    }
  }
  cnnc_pool_destroy(pool);
  free(order);
  free(training.pixels);
  free(training.labels);
  free(tests.pixels);
  free(tests.labels);
  return 0;
}
