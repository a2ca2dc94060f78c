// From a tile's uint8 pixels to the model's numbers: rescaled, normalised, and in the model's order of axes.
#include <string.h>

#include "data/render.h"
#include "simd/vec.h"

namespace ortune::ORTUNE_ISA {

/// A plain loop, since compilers widen bytes better on their own than through the vector extensions.
static void scaled(const uint8_t* __restrict in, int64_t n, float scale, float bias, float* __restrict out) {
  for (int64_t i = 0; i < n; ++i) out[i] = static_cast<float>(in[i]) * scale + bias;
}

typedef uint8_t U8x16 __attribute__((vector_size(16)));

static inline U8x16 load_16(const uint8_t* p) {
  U8x16 v;
  memcpy(&v, p, sizeof v);
  return v;
}

/// 16 pixels of three channels, channel by channel.
static inline void take_apart(const uint8_t* p, uint8_t* c0, uint8_t* c1, uint8_t* c2) {
  const U8x16 a = load_16(p), b = load_16(p + 16), c = load_16(p + 32);
  // The first eleven pixels of a channel are in a and b; -1 leaves a place open for those in c.
  const U8x16 ab0 = __builtin_shufflevector(a, b, 0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, -1, -1, -1, -1, -1);
  const U8x16 ab1 =
      __builtin_shufflevector(a, b, 1, 4, 7, 10, 13, 16, 19, 22, 25, 28, 31, -1, -1, -1, -1, -1);
  const U8x16 ab2 =
      __builtin_shufflevector(a, b, 2, 5, 8, 11, 14, 17, 20, 23, 26, 29, -1, -1, -1, -1, -1, -1);
  const U8x16 r0 = __builtin_shufflevector(ab0, c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 17, 20, 23, 26, 29);
  const U8x16 r1 = __builtin_shufflevector(ab1, c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 18, 21, 24, 27, 30);
  const U8x16 r2 = __builtin_shufflevector(ab2, c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 19, 22, 25, 28, 31);
  memcpy(c0, &r0, 16);
  memcpy(c1, &r1, 16);
  memcpy(c2, &r2, 16);
}

/// Three interleaved channels into three planes, in blocks that stay in the L1 cache.
static void planes_of_three(const Finish& a, const float* scale, const float* bias, float* const* planes) {
  constexpr int64_t kBlock = 256;
  uint8_t apart[3][kBlock];
  for (int64_t begin = 0; begin < a.places; begin += kBlock) {
    const int64_t n = a.places - begin < kBlock ? a.places - begin : kBlock;
    const uint8_t* const in = a.in + 3 * begin;
    int64_t whole = 0;
    for (; whole + 16 <= n; whole += 16)
      take_apart(in + 3 * whole, apart[0] + whole, apart[1] + whole, apart[2] + whole);
    for (int64_t i = whole; i < n; ++i) {
      apart[0][i] = in[3 * i];
      apart[1][i] = in[3 * i + 1];
      apart[2][i] = in[3 * i + 2];
    }
    for (int c = 0; c < 3; ++c) scaled(apart[c], n, scale[c], bias[c], planes[c] + begin);
  }
}

void finish(const Finish& a) {
  const int64_t C = a.channels;
  if (a.channels_last) {
    for (int64_t c = 0; c < C; ++c) {
      const int64_t from = a.flip_channels ? C - 1 - c : c;
      for (int64_t i = 0; i < a.places; ++i)
        a.out[i * C + c] = static_cast<float>(a.in[i * C + from]) * a.scale[c] + a.bias[c];
    }
    return;
  }
  // By the channel of the picture: where it goes.
  float scale[kMaxChannels], bias[kMaxChannels];
  float* planes[kMaxChannels];
  for (int64_t c = 0; c < C; ++c) {
    const int64_t to = a.flip_channels ? C - 1 - c : c;
    scale[c] = a.scale[to];
    bias[c] = a.bias[to];
    planes[c] = a.out + to * a.places;
  }
  if (C == 3) return planes_of_three(a, scale, bias, planes);
  for (int64_t c = 0; c < C; ++c)
    for (int64_t i = 0; i < a.places; ++i)
      planes[c][i] = static_cast<float>(a.in[i * C + c]) * scale[c] + bias[c];
}

}  // namespace ortune::ORTUNE_ISA
