// Arguments of the pooling kernels, on channels-last images [N, H, W, C], by the same grids of places and
// taps as convolutions (ops/conv.h) and the same blocks of places as depthwise ones.
#pragma once

#include "ops/depthwise.h"

namespace ortune {

enum class PoolKind {
  kMax,     // the largest, a NaN if there is one; -infinity of no taps
  kMean,    // the sum over `divisor`, or over the number of taps inside the image where that is 0
  kSpread,  // the sum of each times the weight of its place in x: the gradient of a mean
};

/// y[p] = of the x[p + t] inside the image, for every grid. Padding is not looked at.
struct Pool {
  const float* x;
  int64_t images, height, width, C;
  float* y;
  int64_t out_height, out_width;
  const ConvGrid* grids;
  int64_t grid_count;
  PoolKind kind;
  int64_t divisor;
  const float* weights;  // [height, width], of kSpread
  float* scratch;        // scratch_floats(args), of this thread: see set_scratch
};
static inline PlaceBlocks place_blocks(const Pool& a) {
  const ConvGrid& grid = a.grids[0];
  return place_blocks(a.images, most_rows(a.grids, a.grid_count),
                      (grid.stride_h * a.out_width + grid.step_h * a.width) * a.C);
}
static inline int64_t chunks(const Pool& a) { return a.grid_count ? place_blocks(a).count() : 0; }
static inline int64_t scratch_floats(const Pool& a) { return rectangle_floats(a.grids, a.grid_count); }
static inline void set_scratch(Pool& a, float* scratch) { a.scratch = scratch; }

/// dx of y = the largest of x in windows, by the forward grid: dy goes to the first tap, in row order, whose
/// x is y, or is NaN where y is NaN. y must be what `pool` computed.
struct MaxPoolGrad {
  const float *dy, *x, *y;
  int64_t images, height, width, C;  // of x
  const ConvGrid* grid;
  float* dx;
  float* scratch;  // scratch_floats(args), of this thread: see set_scratch
};
/// Blocks of rows of dx: a window that reaches into several is looked at in each.
static inline PlaceBlocks place_blocks(const MaxPoolGrad& a) {
  return place_blocks(a.images, a.height, 3 * a.width * a.C);
}
static inline int64_t chunks(const MaxPoolGrad& a) { return place_blocks(a).count(); }
static inline int64_t scratch_floats(const MaxPoolGrad& a) { return rectangle_floats(a.grid, 1); }
static inline void set_scratch(MaxPoolGrad& a, float* scratch) { a.scratch = scratch; }

}  // namespace ortune
