// Runs colour programs. Operations on single pixels (brightness, contrast, saturation, hue, grayscale) are
// done together, block by block of float planes that stay in the first cache: one pass over the picture for
// all of them, and one more where a contrast needs the mean of what the operations before it made.
#include "data/colour.h"

#include "data/colour_steps.h"
#include "simd/vec.h"

namespace ortune::ORTUNE_ISA {

constexpr int64_t kBlock = 256;  // pixels

struct Block {
  float planes[3][kBlock];  // values 0 to 255; behind the last pixel whatever
};

static inline I32 to_int(F32 x) { return __builtin_convertvector(x, I32); }
static inline F32 truncated(F32 x) { return __builtin_convertvector(to_int(x), F32); }
static inline F32 clamped(F32 x, float high) { return at_most(at_least(x, 0.0f), high); }
static inline F32 at(const float* plane, int64_t i) { return load(plane + i, Full{}); }

template <int C>
static inline void read_block(const uint8_t* pixels, int64_t n, Block& block) {
  uint8_t bytes[C][kBlock];
  for (int c = 0; c < C; ++c) memset(bytes[c] + n, 0, static_cast<size_t>(kBlock - n));
  for (int64_t i = 0; i < n; ++i)
    for (int c = 0; c < C; ++c) bytes[c][i] = pixels[C * i + c];
  for (int c = 0; c < C; ++c)
    for (int64_t i = 0; i < kBlock; ++i) block.planes[c][i] = static_cast<float>(bytes[c][i]);
}

template <int C>
static inline void write_block(const Block& block, int64_t n, uint8_t* pixels) {
  uint8_t bytes[C][kBlock];
  for (int c = 0; c < C; ++c)
    for (int64_t i = 0; i < kBlock; ++i)
      bytes[c][i] = static_cast<uint8_t>(static_cast<int32_t>(block.planes[c][i]));
  for (int64_t i = 0; i < n; ++i)
    for (int c = 0; c < C; ++c) pixels[C * i + c] = bytes[c][i];
}

/// floor(0.2989 r + 0.587 g + 0.114 b)
template <int C>
static inline F32 gray(const Block& block, int64_t i) {
  const F32 first = at(block.planes[0], i);
  if constexpr (C == 1) return first;
  return truncated(first * 0.2989f + at(block.planes[1], i) * 0.587f + at(block.planes[2], i) * 0.114f);
}

/// x f + y (1 - f), cut to a byte's range and rounded towards zero.
static inline F32 blended(F32 x, F32 y_rest, float f) { return truncated(clamped(x * f + y_rest, 255.0f)); }

template <int C>
static inline void brighten(Block& block, double factor) {
  const float f = static_cast<float>(factor);
  for (int c = 0; c < C; ++c)
    for (int64_t i = 0; i < kBlock; i += kLanes)
      store(block.planes[c] + i, truncated(at_most(at(block.planes[c], i) * f, 255.0f)), Full{});
}

template <int C>
static inline void change_contrast(Block& block, double factor, float mean) {
  const float f = static_cast<float>(factor);
  const F32 rest = set(mean * static_cast<float>(1.0 - factor));
  for (int c = 0; c < C; ++c)
    for (int64_t i = 0; i < kBlock; i += kLanes)
      store(block.planes[c] + i, blended(at(block.planes[c], i), rest, f), Full{});
}

static inline void saturate(Block& block, double factor) {
  const float f = static_cast<float>(factor), rest = static_cast<float>(1.0 - factor);
  for (int64_t i = 0; i < kBlock; i += kLanes) {
    const F32 y = gray<3>(block, i) * rest;
    for (int c = 0; c < 3; ++c) store(block.planes[c] + i, blended(at(block.planes[c], i), y, f), Full{});
  }
}

static inline void drop_colour(Block& block) {
  for (int64_t i = 0; i < kBlock; i += kLanes) {
    const F32 y = gray<3>(block, i);
    for (int c = 0; c < 3; ++c) store(block.planes[c] + i, y, Full{});
  }
}

/// Turns the hue h (0 to 6) of each pixel. With its largest value and its range d, HSV gives a channel back
/// as smallest + d * (how near h is to the channel's sector, 0 to 1), which is what torchvision picks by
/// cases. It scales from [0, 1] by 255.999 before it cuts the fraction off.
static inline void turn_hue(Block& block, double turn) {
  const float shift = static_cast<float>(6 * turn);
  for (int64_t i = 0; i < kBlock; i += kLanes) {
    const F32 r = at(block.planes[0], i), g = at(block.planes[1], i), b = at(block.planes[2], i);
    const F32 high = r > g ? (r > b ? r : b) : (g > b ? g : b);
    const F32 low = r < g ? (r < b ? r : b) : (g < b ? g : b);
    const F32 d = high - low;
    const F32 over = high == r ? g - b : high == g ? b - r : r - g;
    const F32 sector = high == r ? F32{} : high == g ? set(2.0f) : set(4.0f);
    F32 h = over / at_least(d, 1.0f) + sector + shift;
    h = h < F32{} ? h + 6.0f : h;
    h = h >= set(6.0f) ? h - 6.0f : h;
    const F32 scaled_low = low * (255.999f / 255.0f), scaled_d = d * (255.999f / 255.0f);
    const F32 near[3] = {abs(h - 3.0f) - 1.0f, 2.0f - abs(h - 2.0f), 2.0f - abs(h - 4.0f)};
    for (int c = 0; c < 3; ++c)
      store(block.planes[c] + i, truncated(scaled_low + scaled_d * clamped(near[c], 1.0f)), Full{});
  }
}

static inline bool on_pixels(int32_t code) { return code >= kBrightness && code <= kGrayscale; }

template <int C>
static inline void change(Block& block, const double* op, float mean) {
  switch (colour_code(op)) {
    case kBrightness:
      return brighten<C>(block, op[2]);
    case kContrast:
      return change_contrast<C>(block, op[2], mean);
    case kSaturation:
      if constexpr (C == 3) saturate(block, op[2]);
      return;
    case kHue:
      if constexpr (C == 3) turn_hue(block, op[2]);
      return;
    case kGrayscale:
      if constexpr (C == 3) drop_colour(block);
      return;
  }
}

/// The operations from `op` to `end` on every pixel. Returns the sum of the grays afterwards where `measure`.
template <int C>
static int64_t pass(const Colour& a, const double* op, const double* end, float mean, bool measure) {
  int64_t total = 0;
  const int64_t pixels = a.height * a.width;
  for (int64_t begin = 0; begin < pixels; begin += kBlock) {
    const int64_t n = pixels - begin < kBlock ? pixels - begin : kBlock;
    Block block;
    read_block<C>(a.pixels + begin * C, n, block);
    for (const double* o = op; o < end; o = next_colour(o)) change<C>(block, o, mean);
    if (measure) {
      const float grays = sum(n, [&](int64_t i, auto part) { return keep(gray<C>(block, i), part); });
      total += static_cast<int64_t>(grays);
    }
    if (op < end) write_block<C>(block, n, a.pixels + begin * C);
  }
  return total;
}

/// The longest run of operations on pixels from `op`, a contrast only at its head.
static const double* end_of_pass(const double* op, const double* end) {
  do {
    op = next_colour(op);
  } while (op < end && on_pixels(colour_code(op)) && colour_code(op) != kContrast);
  return op;
}

template <int C>
static void run(const Colour& a) {
  const double* const end = a.program + a.length;
  const float pixels = static_cast<float>(a.height * a.width);
  int64_t grays = -1;  // sum, where it is known
  for (const double* op = a.program; op < end;) {
    const int32_t code = colour_code(op);
    if (on_pixels(code)) {
      const double* const stop = end_of_pass(op, end);
      if (code == kContrast && grays < 0) grays = pass<C>(a, op, op, 0, true);
      const float mean = static_cast<float>(grays) / pixels;
      const bool measure = stop < end && colour_code(stop) == kContrast;
      const int64_t after = pass<C>(a, op, stop, mean, measure);
      grays = measure ? after : -1;
      op = stop;
      continue;
    }
    grays = -1;
    if (code == kSharpness)
      sharpen(a, op[2]);
    else if (code == kGaussianBlur)
      gaussian_blur(a, op);
    else
      map_values(a, op);
    op = next_colour(op);
  }
}

void colour(const Colour& a) { a.channels == 1 ? run<1>(a) : run<3>(a); }

}  // namespace ortune::ORTUNE_ISA
