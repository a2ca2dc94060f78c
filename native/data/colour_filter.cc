// Operations that look at a pixel's neighbours. They write over the picture, so the rows that later rows
// still need are kept in scratch.
#include "data/colour_steps.h"
#include "simd/vec.h"

namespace ortune::ORTUNE_ISA {

/// x + (1 - f) (blurred x - x) inside a border of one pixel, which stays. The blur is the rounded mean of the
/// nine pixels, the middle one counted five times; 13 being odd, no mean lies half-way between two integers.
void sharpen(const Colour& a, double factor) {
  if (a.height <= 2 || a.width <= 2) return;
  const float rest = static_cast<float>(1.0 - factor);
  const int64_t C = a.channels, row = a.width * C;
  uint8_t *above = static_cast<uint8_t*>(a.scratch), *here = above + row;
  memcpy(above, a.pixels, static_cast<size_t>(row));
  for (int64_t y = 1; y + 1 < a.height; ++y) {
    uint8_t* const out = a.pixels + y * row;
    const uint8_t* const below = out + row;
    memcpy(here, out, static_cast<size_t>(row));
    for (int64_t i = C; i < row - C; ++i) {
      const int32_t ring = above[i - C] + above[i] + above[i + C] + here[i - C] + here[i + C] + below[i - C] +
                           below[i] + below[i + C];
      const int32_t total = ring + 5 * here[i];
      const int32_t blurred = static_cast<int32_t>(static_cast<float>(total) * (1.0f / 13.0f) + 0.5f);
      const float x = here[i];
      float v = x + rest * (static_cast<float>(blurred) - x);
      v = v > 0.0f ? v : 0.0f;
      v = v < 255.0f ? v : 255.0f;
      out[i] = static_cast<uint8_t>(static_cast<int32_t>(v));
    }
    uint8_t* const free = above;
    above = here;
    here = free;
  }
}

/// i reflected into [0, n) at its ends, which are not repeated.
static inline int64_t reflected(int64_t i, int64_t n) {
  i = i < 0 ? -i : i;
  return i < n ? i : 2 * (n - 1) - i;
}

/// Filters a row along x: out[i] = Σ_k weights[k] * padded[i + k C].
static void blur_row(const uint8_t* in, int64_t width, int64_t C, const double* weights, int64_t taps,
                     float* padded, float* out) {
  const int64_t half = taps / 2, row = width * C;
  for (int64_t i = 0; i < row; ++i) padded[half * C + i] = static_cast<float>(in[i]);
  for (int64_t k = 1; k <= half; ++k)
    for (int64_t c = 0; c < C; ++c) {
      padded[(half - k) * C + c] = static_cast<float>(in[k * C + c]);
      padded[(half + width - 1 + k) * C + c] = static_cast<float>(in[(width - 1 - k) * C + c]);
    }
  each(row, [&](int64_t i, auto part) {
    F32 total = {};
    for (int64_t k = 0; k < taps; ++k)
      total += load(padded + i + k * C, part) * static_cast<float>(weights[k]);
    store(out + i, total, part);
  });
}

/// Separable, the borders reflected, rounded to the nearest. A ring holds the filtered rows that an output
/// row reads: they are at most as many as there are weights along y, and are filtered before they are
/// overwritten.
void gaussian_blur(const Colour& a, const double* op) {
  const int64_t x_taps = static_cast<int64_t>(op[2]), y_taps = colour_values(op) - 1 - x_taps;
  const double *x_weights = op + 3, *y_weights = x_weights + x_taps;
  const int64_t C = a.channels, row = a.width * C, half = y_taps / 2;
  float *ring = static_cast<float*>(a.scratch), *padded = ring + y_taps * row;
  int64_t ready = 0;
  for (int64_t y = 0; y < a.height; ++y) {
    for (; ready < a.height && ready <= y + half; ++ready)
      blur_row(a.pixels + ready * row, a.width, C, x_weights, x_taps, padded, ring + ready % y_taps * row);
    uint8_t* const out = a.pixels + y * row;
    each(row, [&](int64_t i, auto part) {
      F32 total = {};
      for (int64_t k = 0; k < y_taps; ++k) {
        const float* line = ring + reflected(y + k - half, a.height) % y_taps * row;
        total += load(line + i, part) * static_cast<float>(y_weights[k]);
      }
      float lanes[kLanes];
      store(lanes, at_most(total + 0.5f, 255.0f), Full{});
      const int64_t n = row - i < kLanes ? row - i : kLanes;
      for (int64_t k = 0; k < n; ++k) out[i + k] = static_cast<uint8_t>(static_cast<int32_t>(lanes[k]));
    });
  }
}

}  // namespace ortune::ORTUNE_ISA
