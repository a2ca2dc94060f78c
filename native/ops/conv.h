// Arguments of the convolution kernels: channels-last images [N, H, W, C], filters [M, C / groups, KH, KW] as
// ONNX has them. A convolution and its gradient for the input are one kernel, `conv`: both compute, for every
// place of a grid, a sum over taps of products of the channels of one place with a matrix. What differs is
// which places and taps (ConvGrid) and how the matrices are read from the filters (ConvPack). The gradient
// for the filters is `conv_weight`. Sources of the methods: Dukhan, The Indirect Convolution Algorithm
// (2019), for the table of addresses; Goto and van de Geijn (2008) for panels.
#pragma once

#include "ops/kernels.h"

namespace ortune {

/// Columns, which are channels of the output, are computed in blocks of at most so many, as even as multiples
/// of 16 can be: whole panels of every instruction set.
constexpr int64_t kConvColumns = 96;
static inline int64_t column_blocks(int64_t columns, int64_t most = kConvColumns) {
  return ceil_div(columns, most);
}
static inline int64_t column_begin(int64_t columns, int64_t block, int64_t most = kConvColumns) {
  const int64_t units = ceil_div(columns, 16), blocks = column_blocks(columns, most);
  const int64_t begin = 16 * (units * block / blocks);
  return begin < columns ? begin : columns;
}

/// A tap: the places (i step_h + h, j step_w + w) of the source for the place (i, j) of the grid, and which
/// tap of the filter it is.
struct ConvTap {
  int32_t h, w, filter;
};

/// The places of the output at (start_h + i stride_h, start_w + j stride_w) for i < rows, j < columns, in
/// each image. A strided convolution's gradient is one grid for each remainder of the strides.
struct ConvGrid {
  int64_t rows, columns;
  int64_t start_h, start_w, stride_h, stride_w;  // in the output
  int64_t step_h, step_w;                        // in the source
  const ConvTap* taps;
  int64_t tap_count;
};

/// y[n, p, g M + m] = bias[g M + m] + sum over taps t and channels c of x[n, p + t, g C + c] w[g][t][c][m],
/// of every grid; places of y in no grid are left alone. `packed` holds w as conv_pack has left it.
struct Conv {
  const float* x;
  int64_t images, height, width;  // of x
  int64_t groups, C, M;           // channels of x and of y in a group
  float* y;
  int64_t out_height, out_width;
  const ConvGrid* grids;
  int64_t grid_count;
  const float* packed;
  int64_t filter_taps;
  const float* bias;  // null: none
  /// So many taps are read as one of all their channels: for few channels. Divides the number of taps; 1:
  /// each by itself.
  int64_t run;
  float* scratch;  // scratch_floats(args), of this thread: see set_scratch
};

/// Reorders filters [groups * out, in, taps] for `conv`: into panels of columns for each group, a panel
/// having the rows tap * depth + k. Forward (transposed false) the columns are `out` and k is `in`; for the
/// input's gradient the columns are `in` and k is `out`.
struct ConvPack {
  const float* filters;
  int64_t groups, out, in, taps;
  bool transposed;
  float* packed;  // packed_floats(args)
  int64_t columns() const { return transposed ? in : out; }
  int64_t depth() const { return transposed ? out : in; }
};
/// Floats of a group's packed filters; its block of columns b begins at column_begin(columns, b) * taps *
/// depth.
static inline int64_t packed_group(int64_t columns, int64_t taps, int64_t depth) {
  return ceil_div(columns, 16) * 16 * taps * depth;
}
static inline int64_t packed_floats(const ConvPack& a) {
  return a.groups * packed_group(a.columns(), a.taps, a.depth());
}
static inline int64_t chunks(const ConvPack& a) { return a.groups * column_blocks(a.columns()); }

/// Places of a chunk: the addresses of a block's taps and, where they are copied, its rows fit the caches. A
/// multiple of the rows of every instruction set's tile.
static inline int64_t conv_block(const Conv& a, const ConvGrid& grid) {
  const int64_t depth = a.run > 1 ? grid.tap_count * a.C : 0;
  const int64_t by_table = 2048 / at_least_one(grid.tap_count / a.run);
  const int64_t by_rows = depth ? 24576 / depth : by_table;
  const int64_t places = (by_table < by_rows ? by_table : by_rows) / 24 * 24;
  return places < 48 ? 48 : places > 480 ? 480 : places;
}
static inline int64_t grid_chunks(const Conv& a, const ConvGrid& grid) {
  return ceil_div(a.images * grid.rows * grid.columns, conv_block(a, grid));
}
static inline int64_t chunks(const Conv& a) {
  int64_t blocks = 0;
  for (int64_t g = 0; g < a.grid_count; ++g) blocks += grid_chunks(a, a.grids[g]);
  return blocks * a.groups * column_blocks(a.M);
}
static inline int64_t scratch_floats(const Conv& a) {
  int64_t most = 0;
  for (int64_t g = 0; g < a.grid_count; ++g) {
    const ConvGrid& grid = a.grids[g];
    const int64_t places = conv_block(a, grid), taps = grid.tap_count / a.run;
    const int64_t floats = 2 * places * (taps + 1) + (a.run > 1 ? places * grid.tap_count * a.C : a.C) + 64;
    most = floats > most ? floats : most;
  }
  return most;
}
static inline void set_scratch(Conv& a, float* scratch) { a.scratch = scratch; }

/// Sums for the filters' gradient: over the places p of dy [images, grid.rows, grid.columns, groups * M], the
/// products of dy[p, g M + m] with x[p + t, g C + c]; `grid` is the forward convolution's. Each of `splits`
/// parts of the places has sums of its own, which conv_weight_total adds up.
struct ConvWeight {
  const float* x;
  int64_t images, height, width;
  int64_t groups, C, M;
  const float* dy;
  const ConvGrid* grid;
  int64_t run;      // as in Conv
  float* partials;  // partial_floats(args): [splits][groups][panels of columns][taps * C, and one row: the
                    // sum of dy]
  float* dw;        // [groups * M, C, taps]
  float* dbias;     // [groups * M], or null
  float* scratch;   // scratch_floats(args), of this thread: see set_scratch
};
static inline int64_t filter_rows(const ConvWeight& a) { return a.grid->tap_count * a.C; }
/// Taps are done in blocks too; all at once where they are read in runs.
static inline int64_t tap_blocks(const ConvWeight& a) {
  const int64_t most = 1536 / at_least_one(a.C);
  return a.run > 1 ? 1 : ceil_div(a.grid->tap_count, at_least_one(most));
}
static inline int64_t tap_begin(const ConvWeight& a, int64_t block) {
  return a.grid->tap_count * block / tap_blocks(a);
}
static inline int64_t weight_places(const ConvWeight& a) { return a.images * a.grid->rows * a.grid->columns; }
/// Places whose dy and x are in the cache while all their products are added.
static inline int64_t weight_block(const ConvWeight& a) {
  const int64_t places = 65536 / at_least_one(a.run > 1 ? 2 * filter_rows(a) : a.C) / 32 * 32;
  return places < 64 ? 64 : places > 256 ? 256 : places;
}
static inline int64_t partial_group(const ConvWeight& a) {
  return ceil_div(a.M, 16) * 16 * (filter_rows(a) + 1);
}
static inline int64_t splits(const ConvWeight& a) {
  const int64_t others = a.groups * column_blocks(a.M) * tap_blocks(a);
  const int64_t wanted = ceil_div(24, others), most = ceil_div(weight_places(a), 2 * weight_block(a));
  const int64_t fitting = (int64_t{4} << 20) / (a.groups * partial_group(a));
  const int64_t fewer = wanted < most ? wanted : most;
  return at_least_one(fewer < fitting ? fewer : fitting);
}
static inline int64_t partial_floats(const ConvWeight& a) { return splits(a) * a.groups * partial_group(a); }
static inline int64_t chunks(const ConvWeight& a) {
  return splits(a) * a.groups * column_blocks(a.M) * tap_blocks(a);
}
static inline int64_t scratch_floats(const ConvWeight& a) {
  const int64_t places = weight_block(a), taps = a.grid->tap_count / a.run;
  return places * (2 * taps + kConvColumns) + (a.run > 1 ? places * filter_rows(a) : a.C) + 64;
}
static inline void set_scratch(ConvWeight& a, float* scratch) { a.scratch = scratch; }
/// conv_weight_total: a chunk is a block of columns of a group.
static inline int64_t total_chunks(const ConvWeight& a) { return a.groups * column_blocks(a.M); }

}  // namespace ortune
