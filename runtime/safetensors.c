// Parameters as safetensors: an 8-byte little-endian length, that many bytes of JSON,
//   {"conv1.weight": {"dtype": "F32", "shape": [32, 1, 3, 3], "data_offsets": [0, 1152]}, ...}
// and the elements, little-endian, at these offsets from the end of the JSON.
// Needs no operating system. Tested by tests/runtime/safetensors_test.cpp.
#include "state.h"

// Objects and lists inside each other, in what the format itself does not define.
enum { most_levels = 64 };

// A place in the JSON. After a mistake, `failed` stays and nothing moves any more.
typedef struct Reader {
  const uint8_t* at;
  const uint8_t* end;
  int failed;
} Reader;

static void skip_space(Reader* in) {
  while (in->at < in->end &&
         (*in->at == ' ' || *in->at == '\t' || *in->at == '\n' || *in->at == '\r')) {
    ++in->at;
  }
}

// Whether that character comes next; it is passed then.
static int take(Reader* in, char wanted) {
  skip_space(in);
  if (in->failed || in->at == in->end || *in->at != (uint8_t)wanted) return 0;
  ++in->at;
  return 1;
}

static void expect(Reader* in, char wanted) {
  if (!take(in, wanted)) in->failed = 1;
}

typedef struct Text {
  const uint8_t* begin;
  size_t bytes;
} Text;

// What is between the quotes; escapes stay as they are written.
static Text read_string(Reader* in) {
  Text result = {NULL, 0};
  expect(in, '"');
  const uint8_t* const begin = in->at;
  while (!in->failed && in->at < in->end && *in->at != '"') {
    in->at += *in->at == '\\' && in->end - in->at > 1 ? 2 : 1;
  }
  if (in->failed || in->at >= in->end) {
    in->failed = 1;
    return result;
  }
  result.begin = begin;
  result.bytes = (size_t)(in->at - begin);
  ++in->at;
  return result;
}

static int is_text(Text found, const char* wanted) {
  for (size_t i = 0; i < found.bytes; ++i) {
    if (wanted[i] == '\0' || found.begin[i] != (uint8_t)wanted[i]) return 0;
  }
  return wanted[found.bytes] == '\0';
}

static uint64_t read_number(Reader* in) {
  skip_space(in);
  uint64_t value = 0;
  const uint8_t* const begin = in->at;
  while (!in->failed && in->at < in->end && *in->at >= '0' && *in->at <= '9') {
    const uint64_t digit = (uint64_t)(*in->at - '0');
    if (value > (UINT64_MAX - digit) / 10) in->failed = 1;
    value = value * 10 + digit;
    ++in->at;
  }
  if (in->at == begin) in->failed = 1;
  return value;
}

// Reads a list of at most `most` numbers; returns how many there are.
static int read_numbers(Reader* in, uint64_t* numbers, int most) {
  int count = 0;
  expect(in, '[');
  if (take(in, ']')) return 0;
  do {
    if (count == most) in->failed = 1;
    const uint64_t number = read_number(in);
    if (in->failed) return 0;
    numbers[count++] = number;
  } while (take(in, ','));
  expect(in, ']');
  return count;
}

// Passes any value: what is between its brackets, whose kinds are not told apart.
static void skip_value(Reader* in) {
  int level = 0;
  do {
    skip_space(in);
    if (in->failed || in->at == in->end) {
      in->failed = 1;
      return;
    }
    const uint8_t next = *in->at;
    if (next == '"') {
      (void)read_string(in);
    } else if (next == '{' || next == '[') {
      ++in->at;
      if (++level > most_levels) in->failed = 1;
    } else if (next == '}' || next == ']') {
      if (level == 0) in->failed = 1;
      ++in->at;
      --level;
    } else if (next == ',' || next == ':') {
      if (level == 0) in->failed = 1;
      ++in->at;
    } else {
      // A number, true, false or null.
      const uint8_t* const begin = in->at;
      while (in->at < in->end &&
             ((*in->at >= '0' && *in->at <= '9') || (*in->at >= 'a' && *in->at <= 'z') ||
              *in->at == '-' || *in->at == '+' || *in->at == '.' || *in->at == 'E')) {
        ++in->at;
      }
      if (in->at == begin) in->failed = 1;
    }
  } while (!in->failed && level > 0);
}

// A tensor of the file.
typedef struct Entry {
  int is_float;
  int dimensions;
  uint64_t shape[CNNC_MOST_DIMENSIONS];
  uint64_t begin, end;  // of its elements
} Entry;

static Entry read_entry(Reader* in) {
  Entry result = {0, -1, {0}, 1, 0};
  expect(in, '{');
  if (take(in, '}')) return result;
  do {
    const Text key = read_string(in);
    expect(in, ':');
    if (in->failed) return result;
    if (is_text(key, "dtype")) {
      result.is_float = is_text(read_string(in), "F32");
    } else if (is_text(key, "shape")) {
      result.dimensions = read_numbers(in, result.shape, CNNC_MOST_DIMENSIONS);
    } else if (is_text(key, "data_offsets")) {
      uint64_t offsets[2] = {1, 0};
      if (read_numbers(in, offsets, 2) != 2) in->failed = 1;
      result.begin = offsets[0];
      result.end = offsets[1];
    } else {
      skip_value(in);
    }
  } while (take(in, ','));
  expect(in, '}');
  return result;
}

static int is_tensor(const Entry* found, const cnnc_tensor* tensor, uint64_t data_bytes) {
  if (!found->is_float || found->dimensions != tensor->dimensions || found->begin > found->end ||
      found->end > data_bytes || found->end - found->begin != tensor->elements * sizeof(float)) {
    return 0;
  }
  for (int i = 0; i < tensor->dimensions; ++i) {
    if (found->shape[i] != tensor->shape[i]) return 0;
  }
  return 1;
}

// Where in the data the tensor's elements begin; sets `failed` where it is missing or another.
static uint64_t find(Reader in, const cnnc_tensor* tensor, uint64_t data_bytes, int* failed) {
  expect(&in, '{');
  while (!in.failed && !take(&in, '}')) {
    const Text name = read_string(&in);
    expect(&in, ':');
    if (in.failed) break;
    if (is_text(name, tensor->name)) {
      const Entry found = read_entry(&in);
      if (in.failed || !is_tensor(&found, tensor, data_bytes)) break;
      return found.begin;
    }
    skip_value(&in);
    (void)take(&in, ',');
  }
  *failed = 1;
  return 0;
}

cnnc_status cnnc_training_import(const cnnc_training* training, void* state, const void* file,
                                 size_t bytes) {
  enum { length_bytes = 8 };
  const cnnc_status status = check_state(training, state);
  if (status != CNNC_OK) return status;
  if (file == NULL) return CNNC_INVALID_ARGUMENT;
  if (bytes < length_bytes) return CNNC_BAD_WEIGHTS;
  const uint8_t* const begin = (const uint8_t*)file;
  uint64_t json_bytes = 0;
  for (int i = 0; i < length_bytes; ++i) json_bytes |= (uint64_t)begin[i] << (8 * i);
  if (json_bytes > bytes - length_bytes) return CNNC_BAD_WEIGHTS;
  const Reader json = {begin + length_bytes, begin + length_bytes + json_bytes, 0};
  const uint64_t data_bytes = bytes - length_bytes - json_bytes;
  // All are looked for before any is copied.
  for (int copies = 0; copies < 2; ++copies) {
    for (int i = 0; i < training->tensor_count; ++i) {
      const cnnc_tensor* const tensor = &training->tensors[i];
      if (!tensor->is_weight) continue;
      int failed = 0;
      const uint64_t place = find(json, tensor, data_bytes, &failed);
      if (failed) return CNNC_BAD_WEIGHTS;
      if (copies == 0) continue;
      copy_bytes((uint8_t*)state + tensor->place, json.end + place,
                 (size_t)tensor->elements * sizeof(float));
    }
  }
  return CNNC_OK;
}

// Text that is being written; nothing is written past the end.
typedef struct Writer {
  uint8_t* at;
  uint8_t* end;
  int failed;
} Writer;

static void put(Writer* out, const char* text) {
  for (; *text != '\0'; ++text) {
    if (out->at == out->end) {
      out->failed = 1;
      return;
    }
    *out->at++ = (uint8_t)*text;
  }
}

static void put_number(Writer* out, uint64_t number) {
  char digits[24];
  int first = sizeof digits - 1;
  digits[first] = '\0';
  do {
    digits[--first] = (char)('0' + number % 10);
    number /= 10;
  } while (number > 0);
  put(out, digits + first);
}

static void put_entry(Writer* out, const cnnc_tensor* tensor, uint64_t place) {
  put(out, "\"");
  put(out, tensor->name);
  put(out, "\":{\"dtype\":\"F32\",\"shape\":[");
  for (int i = 0; i < tensor->dimensions; ++i) {
    if (i > 0) put(out, ",");
    put_number(out, tensor->shape[i]);
  }
  put(out, "],\"data_offsets\":[");
  put_number(out, place);
  put(out, ",");
  put_number(out, place + tensor->elements * sizeof(float));
  put(out, "]}");
}

cnnc_status cnnc_training_export(const cnnc_training* training, const void* state, void* file,
                                 size_t bytes) {
  enum { length_bytes = 8 };
  const cnnc_status status = check_state(training, state);
  if (status != CNNC_OK) return status;
  if (file == NULL) return CNNC_INVALID_ARGUMENT;
  if (bytes < training->export_bytes) return CNNC_WORKSPACE_TOO_SMALL;
  uint8_t* const begin = (uint8_t*)file;
  for (int i = 0; i < length_bytes; ++i) {
    begin[i] = (uint8_t)((uint64_t)training->export_json_bytes >> (8 * i));
  }
  Writer json = {begin + length_bytes, begin + length_bytes + training->export_json_bytes, 0};
  uint8_t* const data = json.end;
  uint64_t place = 0;
  put(&json, "{");
  for (int i = 0; i < training->tensor_count; ++i) {
    const cnnc_tensor* const tensor = &training->tensors[i];
    if (!tensor->is_weight) continue;
    if (place > 0) put(&json, ",");
    put_entry(&json, tensor, place);
    const size_t size = (size_t)tensor->elements * sizeof(float);
    copy_bytes(data + place, (const uint8_t*)state + tensor->place, size);
    place += size;
  }
  put(&json, "}");
  // Spaces bring the elements to a multiple of eight.
  while (json.at < json.end) *json.at++ = ' ';
  return json.failed ? CNNC_INTERNAL : CNNC_OK;
}
