// The operations of a sample's program, one by one. Compiled for the baseline only.
#pragma once

#include "data/colour.h"
#include "data/render.h"

namespace ortune {

struct Size {
  int64_t height, width;
};

/// An operation of a program, or a run of operations on colours, which one kernel does together (code 0).
struct Step {
  int32_t code;
  int64_t count;
  const double* values;
  const double* next;
};

inline bool is_colour(const double* p) { return p[0] < 100; }

inline Step step_at(const double* p, const double* end) {
  if (is_colour(p)) {
    const double* next = p;
    while (next < end && is_colour(next)) next = next_colour(next);
    return {0, next - p, p, next};
  }
  const int64_t count = static_cast<int64_t>(p[1]);
  return {static_cast<int32_t>(p[0]), count, p + 2, p + 2 + count};
}

/// Of the picture after an operation.
inline Size size_after(const Step& step, const Size& size) {
  const double* v = step.values;
  if (step.code == kResample) return {static_cast<int64_t>(v[10]), static_cast<int64_t>(v[9])};
  if (step.code == kPad)
    return {size.height + static_cast<int64_t>(v[2] + v[4]), size.width + static_cast<int64_t>(v[1] + v[3])};
  return size;
}

inline Colour colour_of(const Step& step, uint8_t* pixels, const Size& size, int64_t channels,
                        void* scratch) {
  return {pixels, size.height, size.width, channels, step.values, step.count, scratch};
}

}  // namespace ortune
