// A picture through an affine map, as torchvision.transforms.v2.functional.affine and rotate compute it on
// uint8: zeros outside, the share of them blended with the fill value, rounded to the nearest even.
#include <math.h>

#include "data/render.h"
#include "simd/vec.h"

namespace ortune::ORTUNE_ISA {

static inline uint8_t rounded(float x) {
  const float clamped = x < 0.0f ? 0.0f : x > 255.0f ? 255.0f : x;
  return static_cast<uint8_t>(rintf(clamped));
}

struct Place {
  float x, y;
};

static inline Place place_of(const Affine& a, int64_t x, int64_t y) {
  const float fx = static_cast<float>(x), fy = static_cast<float>(y);
  return {a.matrix[0] * fx + a.matrix[1] * fy + a.matrix[2],
          a.matrix[3] * fx + a.matrix[4] * fy + a.matrix[5]};
}

static void nearest(const Affine& a, Place at, uint8_t* out) {
  const float x = rintf(at.x), y = rintf(at.y);
  const bool inside = x >= 0 && y >= 0 && x < static_cast<float>(a.width) && y < static_cast<float>(a.height);
  for (int64_t c = 0; c < a.channels; ++c)
    out[c] = inside ? a.in[(static_cast<int64_t>(y) * a.width + static_cast<int64_t>(x)) * a.channels + c]
                    : rounded(a.fill[c]);
}

static void bilinear(const Affine& a, Place at, uint8_t* out) {
  const float W = static_cast<float>(a.width), H = static_cast<float>(a.height);
  // Also false for what is no number.
  const bool touches = at.x > -1.0f && at.y > -1.0f && at.x < W && at.y < H;
  if (!touches) {
    for (int64_t c = 0; c < a.channels; ++c) out[c] = rounded(a.fill[c]);
    return;
  }
  const float left = floorf(at.x), top = floorf(at.y);
  const float dx = at.x - left, dy = at.y - top;
  const int64_t x = static_cast<int64_t>(left), y = static_cast<int64_t>(top);
  const float weights[4] = {(1 - dx) * (1 - dy), dx * (1 - dy), (1 - dx) * dy, dx * dy};
  const uint8_t* from[4];
  float share = 0;
  for (int64_t i = 0; i < 4; ++i) {
    const int64_t px = x + i % 2, py = y + i / 2;
    const bool inside = px >= 0 && py >= 0 && px < a.width && py < a.height;
    from[i] = inside ? a.in + (py * a.width + px) * a.channels : nullptr;
    if (inside) share += weights[i];
  }
  for (int64_t c = 0; c < a.channels; ++c) {
    float sum = 0;
    for (int64_t i = 0; i < 4; ++i)
      if (from[i] != nullptr) sum += weights[i] * static_cast<float>(from[i][c]);
    out[c] = rounded((sum - a.fill[c]) * share + a.fill[c]);
  }
}

void affine(const Affine& a) {
  uint8_t* out = a.out;
  for (int64_t y = 0; y < a.height; ++y)
    for (int64_t x = 0; x < a.width; ++x, out += a.channels)
      a.bilinear ? bilinear(a, place_of(a, x, y), out) : nearest(a, place_of(a, x, y), out);
}

}  // namespace ortune::ORTUNE_ISA
