// Operations that give each value of a channel another value: a table of 256 for each channel is made and
// then read for every pixel. autocontrast and equalize make theirs from the channel's own values.
#include "data/colour_steps.h"
#include "simd/vec.h"

namespace ortune::ORTUNE_ISA {

using Table = uint8_t[256];

/// How often each value occurs in each channel.
static void count_values(const Colour& a, int32_t (*counts)[256]) {
  memset(counts, 0, static_cast<size_t>(a.channels) * sizeof counts[0]);
  const int64_t n = a.height * a.width;
  if (a.channels == 1) {
    for (int64_t i = 0; i < n; ++i) ++counts[0][a.pixels[i]];
    return;
  }
  for (int64_t i = 0; i < n; ++i)
    for (int c = 0; c < 3; ++c) ++counts[c][a.pixels[3 * i + c]];
}

/// Stretches the values between the smallest and the largest to all 256; one value alone stays.
static void stretch(const int32_t* counts, Table& table) {
  int low = 0, high = 255;
  while (low < 255 && counts[low] == 0) ++low;
  while (high > low && counts[high] == 0) --high;
  const float scale = high == low ? 1.0f : static_cast<float>(high - low) * (1.0f / 255.0f);
  const int from = high == low ? 0 : low;
  for (int v = low; v <= high; ++v) {
    const float x = static_cast<float>(v - from) / scale;
    table[v] = static_cast<uint8_t>(x > 255.0f ? 255.0f : x);
  }
}

/// Pillow's equalization: the largest value does not count for the step, and a step of 0 changes nothing.
static void equalize(const int32_t* counts, int64_t pixels, Table& table) {
  int high = 255;
  while (high > 0 && counts[high] == 0) --high;
  const int64_t step = (pixels - counts[high]) / 255;
  int64_t before = step / 2;
  for (int v = 0; v < 256; ++v) {
    const int64_t level = step == 0 ? v : before / step;
    table[v] = static_cast<uint8_t>(level > 255 ? 255 : level);
    before += counts[v];
  }
}

/// The same table for every channel.
static uint8_t changed(int32_t code, double value, int v) {
  switch (code) {
    case kInvert:
      return static_cast<uint8_t>(255 - v);
    case kSolarize:
      return static_cast<uint8_t>(v >= value ? 255 - v : v);
    default:  // kPosterize
      return static_cast<uint8_t>(v & (0xff00 >> static_cast<int>(value)));
  }
}

void map_values(const Colour& a, const double* op) {
  Table tables[3];
  const int32_t code = colour_code(op);
  if (code == kAutocontrast || code == kEqualize) {
    int32_t counts[3][256];
    count_values(a, counts);
    for (int64_t c = 0; c < a.channels; ++c)
      code == kEqualize ? equalize(counts[c], a.height * a.width, tables[c]) : stretch(counts[c], tables[c]);
  } else {
    const double value = code == kInvert ? 0 : op[2];
    for (int v = 0; v < 256; ++v) tables[0][v] = tables[1][v] = tables[2][v] = changed(code, value, v);
  }
  const int64_t n = a.height * a.width;
  if (a.channels == 1) {
    for (int64_t i = 0; i < n; ++i) a.pixels[i] = tables[0][a.pixels[i]];
    return;
  }
  for (int64_t i = 0; i < n; ++i)
    for (int c = 0; c < 3; ++c) a.pixels[3 * i + c] = tables[c][a.pixels[3 * i + c]];
}

}  // namespace ortune::ORTUNE_ISA
