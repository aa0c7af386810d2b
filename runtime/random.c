// The Mersenne Twister MT19937 of Matsumoto and Nishimura (1998), and numbers as PyTorch makes them
// of its words. Needs no operating system. Tested by tests/weights/init_test.cpp.
#include "cnnc_training.h"

enum { word_count = 624, middle = 397 };

void cnnc_random_seed(cnnc_random* random, uint64_t seed) {
  random->words[0] = (uint32_t)seed;
  for (uint32_t i = 1; i < word_count; ++i) {
    const uint32_t last = random->words[i - 1];
    random->words[i] = UINT32_C(1812433253) * (last ^ (last >> 30)) + i;
  }
  random->next = word_count;
}

static void next_words(uint32_t* words) {
  for (int i = 0; i < word_count; ++i) {
    const uint32_t pair =
        (words[i] & UINT32_C(0x80000000)) | (words[(i + 1) % word_count] & UINT32_C(0x7fffffff));
    words[i] = words[(i + middle) % word_count] ^ (pair >> 1) ^
               ((pair & 1) != 0 ? UINT32_C(0x9908b0df) : 0);
  }
}

uint32_t cnnc_random_draw(cnnc_random* random) {
  if (random->next == word_count) {
    next_words(random->words);
    random->next = 0;
  }
  uint32_t word = random->words[random->next++];
  word ^= word >> 11;
  word ^= (word << 7) & UINT32_C(0x9d2c5680);
  word ^= (word << 15) & UINT32_C(0xefc60000);
  return word ^ (word >> 18);
}

void cnnc_random_uniform(cnnc_random* random, float low, float high, float* out, uint64_t count) {
  const uint32_t mask = 0xffffff;
  const double scale = 1.0 / (1 << 24);
  const float range = high - low;  // rounded to float before it is used in double
  for (uint64_t i = 0; i < count; ++i) {
    // 24 bits times the 24 bits of `range` are exact in double, so that a fused multiply-add gives
    // the same value.
    const double unit = (cnnc_random_draw(random) & mask) * scale;
    out[i] = (float)(unit * (double)range + (double)low);
  }
}
