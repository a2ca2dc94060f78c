// Both passes of a resampling on interleaved uint8 pixels. Along a row, two neighbouring pixels are
// multiplied and added at once, their channels side by side; down the columns, the whole row is one vector
// after the other.
#include <string.h>

#include "data/render.h"
#include "simd/vec.h"

namespace ortune::ORTUNE_ISA {

typedef uint8_t U8x16 __attribute__((vector_size(16)));
typedef int16_t I16x8 __attribute__((vector_size(16)));
typedef int32_t I32x4 __attribute__((vector_size(16)));

constexpr int32_t kHalf = 1 << (kWeightBits - 1);

/// a0 b0 + a1 b1, a2 b2 + a3 b3, ...
static inline I32x4 dot_pairs(I16x8 a, I16x8 b) {
#if defined(__SSE2__)
  return (I32x4)_mm_madd_epi16((__m128i)a, (__m128i)b);
#else
  I32x4 sum;
  for (int i = 0; i < 4; ++i) sum[i] = a[2 * i] * b[2 * i] + a[2 * i + 1] * b[2 * i + 1];
  return sum;
#endif
}

static inline uint8_t to_pixel(int32_t sum) {
  const int32_t value = (sum + kHalf) >> kWeightBits;
  return static_cast<uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
}

/// Eight bytes, and zeros.
static inline U8x16 load_8(const uint8_t* p) {
#if defined(__SSE2__)
  return (U8x16)_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
#else
  U8x16 v = {};
  memcpy(&v, p, 8);
  return v;
#endif
}

/// Two pixels as 16-bit pairs, channel by channel.
template <int kC>
static inline I16x8 pair_up(const uint8_t* p) {
  const U8x16 v = load_8(p);
  const U8x16 zero = {};
  if constexpr (kC == 3)
    return (I16x8)__builtin_shufflevector(v, zero, 0, 16, 3, 16, 1, 16, 4, 16, 2, 16, 5, 16, 16, 16, 16, 16);
  else
    return (I16x8)__builtin_shufflevector(v, zero, 0, 16, 4, 16, 1, 16, 5, 16, 2, 16, 6, 16, 3, 16, 7, 16);
}

/// Sums of a result's channels, before rounding. kTaps: 0 where it is not known.
template <int kC, int kTaps>
static inline I32x4 along(const uint8_t* line, const Taps& x, int64_t i) {
  const int64_t taps = kTaps > 0 ? kTaps : x.taps;
  const uint8_t* p = line + x.first[i] * kC;
  const int16_t* weights = x.weights + i * taps;
  I32x4 sum = {};
  for (int64_t k = 0; k < taps; k += 2, p += 2 * kC) {
    int32_t both;
    memcpy(&both, weights + k, sizeof both);
    sum += dot_pairs(pair_up<kC>(p), (I16x8)(I32x4{both, both, both, both}));
  }
  return sum;
}

static inline I32x4 rounded(I32x4 sum) {
  const I32x4 value = (sum + kHalf) >> kWeightBits, zero = {};
  const I32x4 most = zero + 255;
  const I32x4 low = value > zero ? value : zero;
  return low < most ? low : most;
}

/// Three or four channels, four results at a time. Writes up to 16 bytes behind the row.
template <int kC, int kTaps>
static void row_of(const uint8_t* line, const Taps& x, uint8_t* out) {
  int64_t i = 0;
  for (; i + 4 <= x.count; i += 4, out += 4 * kC) {
    I32x4 sums[4];
    for (int j = 0; j < 4; ++j) sums[j] = along<kC, kTaps>(line, x, i + j);
#if defined(__SSE2__)
    // Packing saturates, which is the same as clamping.
    const __m128i half = _mm_set1_epi32(kHalf);
    for (I32x4& sum : sums) sum = (I32x4)_mm_srai_epi32(_mm_add_epi32((__m128i)sum, half), kWeightBits);
    const U8x16 four = (U8x16)_mm_packus_epi16(_mm_packs_epi32((__m128i)sums[0], (__m128i)sums[1]),
                                               _mm_packs_epi32((__m128i)sums[2], (__m128i)sums[3]));
#else
    U8x16 four;
    for (int j = 0; j < 4; ++j) {
      const I32x4 value = rounded(sums[j]);
      for (int c = 0; c < 4; ++c) four[4 * j + c] = static_cast<uint8_t>(value[c]);
    }
#endif
    const U8x16 packed =
        kC == 4 ? four
                : __builtin_shufflevector(four, four, 0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 3, 7, 11, 15);
    memcpy(out, &packed, sizeof packed);
  }
  for (; i < x.count; ++i, out += kC) {
    const I32x4 value = rounded(along<kC, kTaps>(line, x, i));
    for (int c = 0; c < kC; ++c) out[c] = static_cast<uint8_t>(value[c]);
  }
}

static void row_of_any(const uint8_t* line, const Taps& x, int64_t channels, uint8_t* out) {
  for (int64_t i = 0; i < x.count; ++i)
    for (int64_t c = 0; c < channels; ++c) {
      int32_t sum = 0;
      for (int64_t k = 0; k < x.taps; ++k)
        sum += x.weights[i * x.taps + k] * line[(x.first[i] + k) * channels + c];
      *out++ = to_pixel(sum);
    }
}

/// Enlarging takes two taps, a slight reduction four.
static void along_row(const uint8_t* line, const Taps& x, int64_t channels, uint8_t* out) {
  if (channels != 3 && channels != 4) return row_of_any(line, x, channels, out);
  if (channels == 4) return row_of<4, 0>(line, x, out);
  if (x.taps == 2) return row_of<3, 2>(line, x, out);
  return x.taps == 4 ? row_of<3, 4>(line, x, out) : row_of<3, 0>(line, x, out);
}

/// One row of results from `taps` rows.
static void down(const uint8_t* rows, int64_t stride, const int16_t* weights, int64_t taps, int64_t n,
                 uint8_t* __restrict out) {
  // The weights behind the last one that counts are zero, and their rows need not be there.
  while (taps > 1 && weights[taps - 1] == 0) --taps;
  if (taps == 1) {
    memcpy(out, rows, static_cast<size_t>(n));
    return;
  }
  if (taps == 2) {
    const uint8_t* const next = rows + stride;
    const int32_t w0 = weights[0], w1 = weights[1];
    for (int64_t i = 0; i < n; ++i) out[i] = to_pixel(w0 * rows[i] + w1 * next[i]);
    return;
  }
  constexpr int64_t kBlock = 128;
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t m = n - begin < kBlock ? n - begin : kBlock;
    int32_t sums[kBlock] = {};
    for (int64_t k = 0; k < taps; ++k) {
      const uint8_t* const row = rows + k * stride + begin;
      const int32_t w = weights[k];
      for (int64_t i = 0; i < m; ++i) sums[i] += w * row[i];
    }
    for (int64_t i = 0; i < m; ++i) out[begin + i] = to_pixel(sums[i]);
  }
}

void resample(const Resample& a) {
  const int64_t C = a.channels, bytes = row_bytes(a.x.count, C);
  const int64_t begin = a.y.first[0] < a.y.first[a.y.count - 1] ? a.y.first[0] : a.y.first[a.y.count - 1];
  int64_t end = 0;
  for (int64_t y = 0; y < a.y.count; ++y) {
    int64_t taps = a.y.taps;
    while (taps > 1 && a.y.weights[y * a.y.taps + taps - 1] == 0) --taps;
    end = a.y.first[y] + taps > end ? a.y.first[y] + taps : end;
  }
  memset(a.line + a.width * C, 0, static_cast<size_t>(a.x.taps * C + 16));
  for (int64_t y = begin; y < end; ++y) {
    memcpy(a.line, a.in + y * a.stride, static_cast<size_t>(a.width * C));
    uint8_t* const row = a.rows + (y - begin) * bytes;
    along_row(a.line, a.x, C, row);
  }
  for (int64_t y = 0; y < a.y.count; ++y)
    down(a.rows + (a.y.first[y] - begin) * bytes, bytes, a.y.weights + y * a.y.taps, a.y.taps, a.x.count * C,
         a.out + y * a.x.count * C);
}

}  // namespace ortune::ORTUNE_ISA
