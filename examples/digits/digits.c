// digits: recognises handwritten digits with the compiled MNIST network.
//
//   digits IMAGE...      prints the digit in each PNG or PGM, and how probable each digit is
//   digits --test DIR    prints the accuracy on the test set, MNIST's t10k-*-ubyte[.gz] in DIR
//
// Build it against what `cnnc models/mnist_cnn.json --weights ... -o mnist.o` wrote:
//
//   cc -std=c99 -O2 -I FOLDER_OF_MNIST_H -I runtime digits.c mnist.o libcnnc_runtime.a
//      -lpng -lz -lpthread -lm -o digits
//
// The network was trained on white digits on black, 28x28 pixels, centred and with a margin. So an
// image is made grey, is inverted if it is light on the whole (its mean is above one half, as in a
// photo of a digit on paper), is scaled to fit 28x28 and is centred there. The digit should fill
// most of the image and leave a margin of about a seventh on each side.
#define _POSIX_C_SOURCE 200112L

#include <ctype.h>
#include <limits.h>
#include <math.h>
#include <png.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#include "cnnc_runtime.h"
#include "mnist.h"

enum { SIDE = 28, PIXELS = SIDE * SIDE, DIGITS = 10, LARGEST_SIDE = 16384, MOST_IMAGES = 64 };

#if MNIST_INPUT_SIZE != 784 || MNIST_OUTPUT_SIZE != 10
#error "digits needs a network that maps 1x28x28 pixels to ten digits"
#endif

static void fail(const char* subject, const char* format, ...) {
  va_list arguments;
  fprintf(stderr, "digits: %s: ", subject);
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
}

// ---- The network
// ---------------------------------------------------------------------------------

// The network with all that it needs to run: threads, scratch memory, and room for MOST_IMAGES
// images and their results.
typedef struct {
  cnnc_pool* pool;
  cnnc_context context;
  void* workspace;
  float* input;
  float* output;
} network;

static int network_open(network* net) {
  cnnc_status status;
  memset(net, 0, sizeof *net);
  status = cnnc_pool_create(0, &net->pool);
  if (status != CNNC_OK) {
    fail("threads", "%s", cnnc_status_string(status));
    return 0;
  }
  cnnc_context_init(&net->context);
  cnnc_context_use_pool(&net->context, net->pool);
  net->input = calloc((size_t)MOST_IMAGES * PIXELS, sizeof(float));
  net->output = calloc((size_t)MOST_IMAGES * DIGITS, sizeof(float));
  if (posix_memalign(&net->workspace, MNIST_ALIGNMENT, (size_t)MNIST_WORKSPACE_BYTES + 1) != 0) {
    net->workspace = NULL;
  }
  if (!net->input || !net->output || !net->workspace) {
    fail("network", "out of memory");
    return 0;
  }
  return 1;
}

static void network_close(network* net) {
  cnnc_pool_destroy(net->pool);
  free(net->workspace);
  free(net->input);
  free(net->output);
}

// Turns the images in net->input into scores, ten an image, in net->output.
static int network_run(network* net, size_t images) {
  cnnc_status status = mnist_run(&net->context, net->input, net->output, images, net->workspace,
                                 MNIST_WORKSPACE_BYTES);
  if (status != CNNC_OK) fail("network", "%s", cnnc_status_string(status));
  return status == CNNC_OK;
}

static int largest(const float* scores) {
  int best = 0;
  for (int i = 1; i < DIGITS; ++i) {
    if (scores[i] > scores[best]) best = i;
  }
  return best;
}

// Scores to probabilities. Subtracting the largest score first keeps expf in range.
static void softmax(const float* scores, float* probabilities) {
  const float top = scores[largest(scores)];
  float sum = 0;
  for (int i = 0; i < DIGITS; ++i) sum += probabilities[i] = expf(scores[i] - top);
  for (int i = 0; i < DIGITS; ++i) probabilities[i] /= sum;
}

// ---- Image files
// ---------------------------------------------------------------------------------

// A grey image: 0 is black, 1 is white.
typedef struct {
  int width;
  int height;
  float* pixels;
} picture;

static int picture_allocate(picture* pic, const char* path, unsigned long width,
                            unsigned long height) {
  if (width < 1 || height < 1 || width > LARGEST_SIDE || height > LARGEST_SIDE) {
    fail(path, "%lux%lu pixels; each side must have 1 to %d", width, height, LARGEST_SIDE);
    return 0;
  }
  pic->width = (int)width;
  pic->height = (int)height;
  pic->pixels = malloc(width * height * sizeof(float));
  if (!pic->pixels) fail(path, "out of memory");
  return pic->pixels != NULL;
}

// Colours become grey; what is transparent shows white paper.
static int read_png(const char* path, picture* pic) {
  const png_color paper = {255, 255, 255};
  png_image image;
  uint8_t* bytes = NULL;
  int ok = 0;
  memset(&image, 0, sizeof image);
  image.version = PNG_IMAGE_VERSION;
  if (!png_image_begin_read_from_file(&image, path)) {
    fail(path, "%s", image.message);
    return 0;
  }
  image.format = PNG_FORMAT_GRAY;
  if (picture_allocate(pic, path, image.width, image.height)) {
    const size_t count = (size_t)pic->width * (size_t)pic->height;
    bytes = malloc(count);
    if (!bytes) {
      fail(path, "out of memory");
    } else if (!png_image_finish_read(&image, &paper, bytes, 0, NULL)) {
      fail(path, "%s", image.message);
    } else {
      for (size_t i = 0; i < count; ++i) pic->pixels[i] = (float)bytes[i] / 255.0F;
      ok = 1;
    }
  }
  free(bytes);
  png_image_free(&image);
  return ok;
}

// The next number of a PGM's text, past white space and comments; -1 if there is none.
static long pgm_number(FILE* file) {
  long value = 0;
  int ch = fgetc(file);
  while (isspace(ch) || ch == '#') {
    if (ch == '#') {
      while (ch != '\n' && ch != EOF) ch = fgetc(file);
    } else {
      ch = fgetc(file);
    }
  }
  if (!isdigit(ch)) return -1;
  for (; isdigit(ch); ch = fgetc(file)) {
    value = value * 10 + (ch - '0');
    if (value > INT_MAX / 16) return -1;
  }
  // One white space ends the number; binary pixels begin right behind it.
  return isspace(ch) || ch == EOF ? value : -1;
}

// A pixel of a binary PGM: one byte, or two, the high one first; -1 at the end.
static long pgm_binary(FILE* file, int is_wide) {
  const int high = is_wide ? fgetc(file) : 0;
  const int low = fgetc(file);
  return high == EOF || low == EOF ? -1 : high * 256L + low;
}

// Plain (P2) and binary (P5) portable grey maps.
static int read_pgm_file(const char* path, FILE* file, picture* pic) {
  const int is_letter = fgetc(file) == 'P';
  const int kind = fgetc(file);
  long width;
  long height;
  long white;
  if (!is_letter || (kind != '2' && kind != '5')) {
    fail(path, "is neither a PNG nor a PGM");
    return 0;
  }
  width = pgm_number(file);
  height = pgm_number(file);
  white = pgm_number(file);
  if (width < 0 || height < 0 || white < 1 || white > 65535) {
    fail(path, "the header of the PGM is wrong");
    return 0;
  }
  if (!picture_allocate(pic, path, (unsigned long)width, (unsigned long)height)) return 0;
  for (long i = 0; i < width * height; ++i) {
    const long value = kind == '5' ? pgm_binary(file, white > 255) : pgm_number(file);
    if (value < 0 || value > white) {
      fail(path, "pixel %ld of %ld is missing or wrong", i + 1, width * height);
      return 0;
    }
    pic->pixels[i] = (float)value / (float)white;
  }
  return 1;
}

static int read_picture(const char* path, picture* pic) {
  uint8_t start[8] = {0};
  FILE* file = fopen(path, "rb");
  size_t count;
  int ok;
  memset(pic, 0, sizeof *pic);
  if (!file) {
    fail(path, "cannot open");
    return 0;
  }
  count = fread(start, 1, sizeof start, file);
  if (count == sizeof start && png_sig_cmp(start, 0, sizeof start) == 0) {
    fclose(file);
    return read_png(path, pic);
  }
  ok = fseek(file, 0, SEEK_SET) == 0 && read_pgm_file(path, file, pic);
  fclose(file);
  return ok;
}

// ---- From any image to 28x28
// ---------------------------------------------------------------------

// Resamples each of `lines` lines from `from` to `to` pixels: to fewer by averaging the pixels that
// each new one covers, to more by interpolating between neighbours. The result is transposed.
static void resample(const float* in, int lines, int from, int to, float* out) {
  const float step = (float)from / (float)to;
  for (int i = 0; i < to; ++i) {
    for (int line = 0; line < lines; ++line) {
      const float* pixels = in + (size_t)line * (size_t)from;
      float value = 0;
      if (from > to) {
        const float begin = (float)i * step;
        const float end = begin + step;
        for (int j = (int)begin; j < from && (float)j < end; ++j) {
          value += pixels[j] * (fminf(end, (float)j + 1) - fmaxf(begin, (float)j));
        }
        value /= step;
      } else {
        const float at = fminf(fmaxf(((float)i + 0.5F) * step - 0.5F, 0), (float)(from - 1));
        const int left = (int)at;
        const int right = left + 1 < from ? left + 1 : left;
        const float share = at - (float)left;
        value = pixels[left] * (1 - share) + pixels[right] * share;
      }
      out[(size_t)i * (size_t)lines + (size_t)line] = value;
    }
  }
}

static int scaled_side(int side, int longest) {
  const int scaled = (side * SIDE + longest / 2) / longest;
  return scaled < 1 ? 1 : scaled;
}

static int prepare(const char* path, const picture* pic, float* input) {
  const size_t count = (size_t)pic->width * (size_t)pic->height;
  const int longest = pic->width > pic->height ? pic->width : pic->height;
  const int width = scaled_side(pic->width, longest);
  const int height = scaled_side(pic->height, longest);
  const int left = (SIDE - width) / 2;
  const int top = (SIDE - height) / 2;
  float* narrow = malloc((size_t)width * (size_t)pic->height * sizeof(float));
  float scaled[PIXELS];
  double sum = 0;
  if (!narrow) {
    fail(path, "out of memory");
    return 0;
  }
  for (size_t i = 0; i < count; ++i) sum += pic->pixels[i];
  if (sum > 0.5 * (double)count) {
    for (size_t i = 0; i < count; ++i) pic->pixels[i] = 1 - pic->pixels[i];
  }
  resample(pic->pixels, pic->height, pic->width, width, narrow);
  resample(narrow, width, pic->height, height, scaled);
  free(narrow);
  memset(input, 0, PIXELS * sizeof(float));
  for (int y = 0; y < height; ++y) {
    memcpy(input + (size_t)(top + y) * SIDE + left, scaled + (size_t)y * (size_t)width,
           (size_t)width * sizeof(float));
  }
  return 1;
}

static int recognise(network* net, const char* path) {
  picture pic;
  float probabilities[DIGITS];
  const int ok = read_picture(path, &pic) && prepare(path, &pic, net->input) && network_run(net, 1);
  free(pic.pixels);
  if (!ok) return 0;
  softmax(net->output, probabilities);
  printf("%5d ", largest(net->output));
  for (int i = 0; i < DIGITS; ++i) printf(" %6.2f", 100 * (double)probabilities[i]);
  printf("  %s\n", path);
  return 1;
}

static int recognise_all(network* net, int count, char** paths) {
  int ok = 1;
  printf("digit ");
  for (int i = 0; i < DIGITS; ++i) printf(" %4d %%", i);
  printf("  image\n");
  for (int i = 0; i < count; ++i) ok = recognise(net, paths[i]) && ok;
  return ok;
}

// ---- The test set
// --------------------------------------------------------------------------------

static uint32_t big_endian(const uint8_t* bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

// Reads an IDX file of bytes, plain or compressed, in which every item is `item_size` bytes.
// `header` is the start of the file but for the number of items. The caller frees the result.
static uint8_t* read_idx(const char* folder, const char* name, const uint32_t* header, int words,
                         size_t item_size, uint32_t* items) {
  char path[4096];
  uint8_t start[16];
  uint8_t* data = NULL;
  gzFile file = NULL;
  for (int is_gz = 0; is_gz < 2 && !file; ++is_gz) {
    const int length = snprintf(path, sizeof path, "%s/%s%s", folder, name, is_gz ? ".gz" : "");
    if (length > 0 && (size_t)length < sizeof path) file = gzopen(path, "rb");
  }
  if (!file) {
    fail(folder, "cannot open %s or %s.gz there", name, name);
    return NULL;
  }
  if (gzread(file, start, (unsigned)words * 4) == words * 4) {
    int is_expected = big_endian(start) == header[0];
    for (int i = 2; i < words; ++i) {
      is_expected = is_expected && big_endian(start + (size_t)i * 4) == header[i - 1];
    }
    *items = big_endian(start + 4);
    if (is_expected && *items > 0 && *items <= INT_MAX / item_size) {
      const unsigned size = (unsigned)(*items * item_size);
      data = malloc(size);
      if (data && gzread(file, data, size) != (int)size) {
        free(data);
        data = NULL;
      }
    }
  }
  gzclose(file);
  if (!data) fail(path, "is not the IDX file that it should be, or is truncated");
  return data;
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

// Counts the images that the network recognises; -1 if it does not run.
static long count_correct(network* net, const uint8_t* images, const uint8_t* labels, long count) {
  long correct = 0;
  for (long first = 0; first < count; first += MOST_IMAGES) {
    const long size = count - first < MOST_IMAGES ? count - first : MOST_IMAGES;
    const uint8_t* pixels = images + first * PIXELS;
    for (long i = 0; i < size * PIXELS; ++i) net->input[i] = (float)pixels[i] / 255.0F;
    if (!network_run(net, (size_t)size)) return -1;
    for (long i = 0; i < size; ++i) {
      correct += largest(net->output + i * DIGITS) == labels[first + i];
    }
  }
  return correct;
}

static int test(network* net, const char* folder) {
  const uint32_t image_header[] = {0x803, SIDE, SIDE};
  const uint32_t label_header[] = {0x801};
  uint32_t image_count = 0;
  uint32_t label_count = 0;
  uint8_t* images =
      read_idx(folder, "t10k-images-idx3-ubyte", image_header, 4, PIXELS, &image_count);
  uint8_t* labels = read_idx(folder, "t10k-labels-idx1-ubyte", label_header, 2, 1, &label_count);
  long correct = -1;
  if (images && labels && image_count != label_count) {
    fail(folder, "%lu images but %lu labels", (unsigned long)image_count,
         (unsigned long)label_count);
  } else if (images && labels) {
    const double start = seconds();
    correct = count_correct(net, images, labels, (long)image_count);
    if (correct >= 0) {
      const double rate = (double)image_count / (seconds() - start);
      printf("%ld / %lu correct (%.2f %%), %.0f images/s\n", correct, (unsigned long)image_count,
             100 * (double)correct / (double)image_count, rate);
    }
  }
  free(images);
  free(labels);
  return correct >= 0;
}

int main(int argc, char** argv) {
  network net;
  int ok;
  if (argc < 2 || (argv[1][0] == '-' && (strcmp(argv[1], "--test") != 0 || argc != 3))) {
    fprintf(stderr, "usage: digits IMAGE...\n       digits --test DIR\n");
    return 2;
  }
  ok = network_open(&net);
  if (ok && argv[1][0] == '-') {
    ok = test(&net, argv[2]);
  } else if (ok) {
    ok = recognise_all(&net, argc - 1, argv + 1);
  }
  network_close(&net);
  return ok ? 0 : 1;
}
