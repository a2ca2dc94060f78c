// Random erasing, as torchvision.transforms.v2.RandomErasing does it after normalisation. Compiled for the
// baseline only: it touches a part of one picture in four, and its noise must have the same bits everywhere.
#include <math.h>

#include "data/render.h"

namespace ortune {
namespace {

/// In (0, 1), of a seed and a number; a full avalanche of both (Wellons' mixer, as src/random.ts has it).
double unit(uint32_t seed, uint32_t index) {
  uint32_t h = seed + index * 0x9e3779b9u;
  for (int round = 0; round < 2; ++round) {
    h = (h ^ (h >> 16)) * 0x21f0aaadu;
    h = (h ^ (h >> 15)) * 0x735a2d97u;
    h ^= h >> 15;
  }
  return (static_cast<double>(h) + 0.5) / 4294967296.0;
}

/// Standard normal, by Box and Muller.
float normal(uint32_t seed, uint32_t index) {
  const double radius = sqrt(-2 * log(unit(seed, 2 * index)));
  return static_cast<float>(radius * cos(6.283185307179586 * unit(seed, 2 * index + 1)));
}

}  // namespace

void erase(const Erase& a, const Finish& of, int64_t row) {
  uint32_t index = 0;
  for (int64_t c = 0; c < of.channels; ++c) {
    const int64_t to = of.flip_channels ? of.channels - 1 - c : c;
    for (int64_t y = a.top; y < a.top + a.height; ++y)
      for (int64_t x = a.left; x < a.left + a.width; ++x) {
        const int64_t place = y * row + x;
        const int64_t at = of.channels_last ? place * of.channels + to : to * of.places + place;
        of.out[at] = a.seed < 0 ? a.values[c] : normal(static_cast<uint32_t>(a.seed), index++);
      }
  }
}

}  // namespace ortune
