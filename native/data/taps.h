// The weights of a resampling along one axis, as Pillow and PyTorch's antialiased interpolation compute them:
// the filter is stretched where the picture shrinks. Compiled for the baseline only.
#pragma once

#include "data/render.h"

namespace ortune {

/// One axis of a resampling.
struct AxisMap {
  Filter filter;
  double begin, length;  // of the part that is read, in pixels of the picture
  int64_t source;        // pixels that there are
  int64_t size;          // the part is brought to
  int64_t from, count;   // of that, what is kept
  bool mirror;
};

/// Taps of each result, an even number.
int64_t taps_of(const AxisMap& axis);

/// Fills `taps`, whose arrays hold count and count * taps_of numbers.
void fill_taps(const AxisMap& axis, Taps& taps);

}  // namespace ortune
