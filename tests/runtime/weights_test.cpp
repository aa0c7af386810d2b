// Checksum and checks of weights: runtime/weights.c.
#include <catch2/catch.hpp>
#include <cstdint>
#include <cstring>
#include <vector>

#include "cnnc_runtime.h"

namespace {

struct alignas(64) Blob {
  uint8_t bytes[1024];
};

Blob sample() {
  Blob blob;
  for (size_t i = 0; i < sizeof blob.bytes; ++i) blob.bytes[i] = static_cast<uint8_t>(7 * i);
  return blob;
}

}  // namespace

TEST_CASE("the checksum is the documented function", "[runtime]") {
  // Computed from the definition on top of weights.c by a separate program.
  std::vector<uint8_t> ramp(33);
  for (size_t i = 0; i < ramp.size(); ++i) ramp[i] = static_cast<uint8_t>(i);
  CHECK(cnnc_weights_checksum(nullptr, 0) == 0xe821a9cc1f06a6e9u);
  CHECK(cnnc_weights_checksum("a", 1) == 0x6db8445ae0292174u);
  CHECK(cnnc_weights_checksum("cnnc", 4) == 0x0790f9f5acc9c333u);
  CHECK(cnnc_weights_checksum(ramp.data(), 31) == 0x198e1e51020b1c4fu);
  CHECK(cnnc_weights_checksum(ramp.data(), 32) == 0x47a95efd34049d5du);
  CHECK(cnnc_weights_checksum(ramp.data(), 33) == 0x7a4e2acf78a6e5a9u);
  CHECK(cnnc_weights_checksum(sample().bytes, 1000) == 0x845c8afddb8d04bfu);
}

TEST_CASE("the checksum does not depend on where the bytes lie", "[runtime]") {
  const Blob blob = sample();
  Blob moved;
  for (size_t shift = 1; shift < 9; ++shift) {
    std::memcpy(moved.bytes + shift, blob.bytes, 1000);
    CHECK(cnnc_weights_checksum(moved.bytes + shift, 1000) ==
          cnnc_weights_checksum(blob.bytes, 1000));
  }
}

TEST_CASE("the checksum sees every single bit, exchanged words and appended zeros", "[runtime]") {
  Blob blob = sample();
  const uint64_t before = cnnc_weights_checksum(blob.bytes, 100);
  for (size_t bit = 0; bit < 800; ++bit) {
    const auto mask = static_cast<uint8_t>(1u << bit % 8);
    blob.bytes[bit / 8] ^= mask;
    CHECK(cnnc_weights_checksum(blob.bytes, 100) != before);
    blob.bytes[bit / 8] ^= mask;
  }
  // The signs of two numbers in the same lane.
  blob.bytes[7] ^= 0x80;
  blob.bytes[39] ^= 0x80;
  CHECK(cnnc_weights_checksum(blob.bytes, 100) != before);

  Blob exchanged = sample();
  std::memcpy(exchanged.bytes, sample().bytes + 8, 8);
  std::memcpy(exchanged.bytes + 8, sample().bytes, 8);
  CHECK(cnnc_weights_checksum(exchanged.bytes, 100) != before);

  const uint8_t zeros[64] = {};
  for (size_t bytes = 0; bytes < sizeof zeros; ++bytes) {
    CHECK(cnnc_weights_checksum(zeros, bytes) != cnnc_weights_checksum(zeros, bytes + 1));
  }
}

namespace {

void store(uint8_t* at, uint64_t word) {
  for (int i = 0; i < 8; ++i) at[i] = static_cast<uint8_t>(word >> (8 * i));
}

constexpr size_t kTableBytes = 64;

// Writes the header that fits what follows it. Returns the id.
uint64_t seal(uint8_t* file, size_t bytes, uint64_t table_bytes = kTableBytes) {
  const uint64_t id = cnnc_weights_checksum(file + 64, kTableBytes);
  store(file, CNNC_WEIGHTS_MAGIC);
  store(file + 8, id);
  store(file + 16, bytes);
  store(file + 24, cnnc_weights_checksum(file + 64, bytes - 64));
  store(file + 32, table_bytes);
  return id;
}

}  // namespace

TEST_CASE("weights are checked before use", "[runtime]") {
  const size_t bytes = 960;
  Blob blob = sample();
  const uint64_t id = seal(blob.bytes, bytes);

  CHECK(cnnc_weights_check(blob.bytes, bytes, bytes, id) == CNNC_OK);
  CHECK(cnnc_weights_check(nullptr, bytes, bytes, id) == CNNC_INVALID_ARGUMENT);
  CHECK(cnnc_weights_check(nullptr, 0, 0, id) == CNNC_INVALID_ARGUMENT);
  CHECK(cnnc_weights_check(blob.bytes, bytes - 1, bytes, id) == CNNC_BAD_WEIGHTS);
  CHECK(cnnc_weights_check(blob.bytes, bytes - 1, bytes - 1, id) == CNNC_BAD_WEIGHTS);
  CHECK(cnnc_weights_check(blob.bytes, bytes, bytes + (uint64_t{1} << 32), id) == CNNC_BAD_WEIGHTS);
  CHECK(cnnc_weights_check(blob.bytes, bytes, bytes, id + 1) == CNNC_BAD_WEIGHTS);
  for (size_t short_bytes : {size_t{0}, size_t{8}, size_t{63}}) {
    CHECK(cnnc_weights_check(blob.bytes, short_bytes, short_bytes, id) == CNNC_BAD_WEIGHTS);
  }

  // Every byte counts, but for those of the header that mean nothing.
  for (size_t at = 0; at < bytes; ++at) {
    if (at >= 40 && at < 64) continue;
    INFO(at);
    Blob damaged = blob;
    damaged.bytes[at] ^= 1;
    CHECK(cnnc_weights_check(damaged.bytes, bytes, bytes, id) == CNNC_BAD_WEIGHTS);
  }
  Blob damaged = blob;
  damaged.bytes[bytes] ^= 1;  // beyond the end
  CHECK(cnnc_weights_check(damaged.bytes, bytes, bytes, id) == CNNC_OK);
}

TEST_CASE("a table that does not fit is never read", "[runtime]") {
  Blob blob = sample();
  for (const uint64_t table : {uint64_t{897}, uint64_t{1} << 40, ~uint64_t{0}}) {
    const uint64_t id = seal(blob.bytes, 960, table);
    CHECK(cnnc_weights_check(blob.bytes, 960, 960, id) == CNNC_BAD_WEIGHTS);
  }
}

TEST_CASE("weights start on a multiple of 64 bytes", "[runtime]") {
  for (const size_t shift : {1, 4, 8, 16, 32, 63}) {
    Blob blob = sample();
    const uint64_t id = seal(blob.bytes + shift, 512);
    CHECK(cnnc_weights_check(blob.bytes + shift, 512, 512, id) == CNNC_MISALIGNED);
  }
  Blob blob = sample();
  const uint64_t id = seal(blob.bytes + 64, 512);
  CHECK(cnnc_weights_check(blob.bytes + 64, 512, 512, id) == CNNC_OK);
}
