// Checks of weights that are loaded at run time. Needs no operating system.
// Tested by tests/runtime/weights_test.cpp.
//
// The checksum reads the bytes as little-endian 64-bit words, w[0], w[1], ..., with zero bytes
// after the end up to a multiple of four words. Four lanes, so that four multiplications overlap,
// take every fourth word each:
//
//   mix(h, w) = x ^ (x >> 32)  where  x = (h ^ w) * K  mod 2^64,  K = 0x9e3779b97f4a7c15
//   lane[i]   = i + 1;  then  lane[i] = mix(lane[i], w[4 k + i])  for k = 0, 1, ...
//   checksum  = mix(mix(mix(mix(bytes, lane[0]), lane[1]), lane[2]), lane[3])
//
// `mix` is a bijection of either argument, so no change within a single word goes unnoticed. The
// checksum finds damage and confusion; it is no protection against an adversary.
#include "cnnc_runtime.h"

enum {
  lanes = 4,
  word_bytes = 8,
  stripe_bytes = lanes * word_bytes,
  weights_alignment = 64,
  header_bytes = 64
};

static uint64_t mix(uint64_t hash, uint64_t word) {
  const uint64_t product = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
  return product ^ (product >> 32);
}

// Compilers turn this into one load where the machine is little-endian.
static uint64_t load_word(const uint8_t* at) {
  return (uint64_t)at[0] | (uint64_t)at[1] << 8 | (uint64_t)at[2] << 16 | (uint64_t)at[3] << 24 |
         (uint64_t)at[4] << 32 | (uint64_t)at[5] << 40 | (uint64_t)at[6] << 48 |
         (uint64_t)at[7] << 56;
}

static void mix_stripe(uint64_t lane[lanes], const uint8_t* stripe) {
  for (int i = 0; i < lanes; ++i) lane[i] = mix(lane[i], load_word(stripe + i * word_bytes));
}

uint64_t cnnc_weights_checksum(const void* blob, size_t bytes) {
  const uint8_t* const data = (const uint8_t*)blob;
  uint64_t lane[lanes] = {1, 2, 3, 4};
  size_t at = 0;
  for (; bytes - at >= stripe_bytes; at += stripe_bytes) mix_stripe(lane, data + at);
  if (at < bytes) {
    uint8_t last[stripe_bytes] = {0};
    for (size_t i = 0; at + i < bytes; ++i) last[i] = data[at + i];
    mix_stripe(lane, last);
  }
  uint64_t hash = (uint64_t)bytes;
  for (int i = 0; i < lanes; ++i) hash = mix(hash, lane[i]);
  return hash;
}

cnnc_status cnnc_weights_check(const void* blob, size_t bytes, uint64_t expected_bytes,
                               uint64_t expected_id) {
  const uint8_t* const data = (const uint8_t*)blob;
  if (blob == NULL) return CNNC_INVALID_ARGUMENT;
  if (bytes != expected_bytes || bytes < header_bytes) return CNNC_BAD_WEIGHTS;
  if ((uintptr_t)blob % weights_alignment != 0) return CNNC_MISALIGNED;
  const uint64_t table_bytes = load_word(data + 32);
  if (load_word(data) != CNNC_WEIGHTS_MAGIC || load_word(data + 8) != expected_id ||
      load_word(data + 16) != expected_bytes || table_bytes > bytes - header_bytes) {
    return CNNC_BAD_WEIGHTS;
  }
  if (cnnc_weights_checksum(data + header_bytes, (size_t)table_bytes) != expected_id ||
      cnnc_weights_checksum(data + header_bytes, bytes - header_bytes) != load_word(data + 24)) {
    return CNNC_BAD_WEIGHTS;
  }
  return CNNC_OK;
}
