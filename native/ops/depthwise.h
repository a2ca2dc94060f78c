// Arguments of the kernels that treat every channel by itself: depthwise convolution (one filter [KH, KW] a
// channel), its gradients, and what pooling shares with them. Images are channels-last [N, H, W, C]. As in
// ops/conv.h a convolution and its gradient for the input are one kernel over grids of places; the work of a
// place is a few multiply-adds a channel, so what counts is that everything is read from the caches: chunks
// are blocks of rows of one image, or of several small images, with all their channels.
#pragma once

#include "ops/conv.h"

namespace ortune {

/// Channels whose filters stay in the L1 cache while the places of a block go by: at most so many, see
/// column_begin.
constexpr int64_t kDepthChannels = 192;

/// Blocks of the places of grids: of `images` whole images, or of `rows` rows of one image (at most).
struct PlaceBlocks {
  int64_t images, image_blocks, rows, row_blocks;
  int64_t count() const { return image_blocks * row_blocks; }
};
/// `floats` are those read and written for a row of an image; a block's fit the L2 cache.
static inline PlaceBlocks place_blocks(int64_t images, int64_t rows, int64_t floats) {
  const int64_t fitting = at_least_one(int64_t{65536} / at_least_one(floats));
  const int64_t row_blocks = ceil_div(at_least_one(rows), fitting);
  const int64_t each = row_blocks > 1 ? 1 : at_least_one(fitting / at_least_one(rows));
  return {each, ceil_div(images, each), ceil_div(rows, row_blocks), row_blocks};
}

/// What a block holds: the images [image, image_end) and of each grid the rows [row, row_end).
struct PlaceBlock {
  int64_t image, image_end, row, row_end;
};
/// Of the blocks of places of grids with at most so many `rows`.
static inline PlaceBlock place_block(const PlaceBlocks& blocks, int64_t images, int64_t rows, int64_t index) {
  const int64_t image = index / blocks.row_blocks * blocks.images, block = index % blocks.row_blocks;
  const int64_t image_end = image + blocks.images < images ? image + blocks.images : images;
  return {image, image_end, rows * block / blocks.row_blocks, rows * (block + 1) / blocks.row_blocks};
}

/// Rows of the grid that has most.
static inline int64_t most_rows(const ConvGrid* grids, int64_t count) {
  int64_t most = 0;
  for (int64_t g = 0; g < count; ++g) most = grids[g].rows > most ? grids[g].rows : most;
  return most;
}

/// Floats of scratch, aligned to 8 bytes, for the rectangles of a grid: see ops/rectangles.h.
static inline int64_t rectangle_floats(const ConvGrid* grids, int64_t count) {
  int64_t taps = 0;
  for (int64_t g = 0; g < count; ++g) taps = grids[g].tap_count > taps ? grids[g].tap_count : taps;
  return 8 * taps + 2;
}

/// y[n, p, c] = bias[c] + sum over taps t of x[n, p + t, c] w[c, t], of every grid; places of y in no grid
/// are left alone. `packed` holds w and bias as depthwise_pack has left them.
struct Depthwise {
  const float* x;
  int64_t images, height, width, C;
  float* y;
  int64_t out_height, out_width;
  const ConvGrid* grids;
  int64_t grid_count;
  const float* packed;
  int64_t filter_taps;
  float* scratch;  // scratch_floats(args), of this thread: see set_scratch
};
static inline PlaceBlocks place_blocks(const Depthwise& a) {
  const ConvGrid& grid = a.grids[0];
  return place_blocks(a.images, most_rows(a.grids, a.grid_count),
                      (grid.stride_h * a.out_width + grid.step_h * a.width) * a.C);
}
static inline int64_t chunks(const Depthwise& a) { return a.grid_count ? place_blocks(a).count() : 0; }
static inline int64_t scratch_floats(const Depthwise& a) { return rectangle_floats(a.grids, a.grid_count); }
static inline void set_scratch(Depthwise& a, float* scratch) { a.scratch = scratch; }

/// Reorders filters [C, taps] for `depthwise`: blocks of channels, panels of vectors, rows of taps and one
/// row of the bias.
struct DepthwisePack {
  const float *filters, *bias;  // bias null: zeros
  int64_t C, taps;
  float* packed;  // packed_floats(args)
};
/// The block of channels b begins at column_begin(C, b) * (taps + 1); the last one may have a vector more.
static inline int64_t packed_floats(const DepthwisePack& a) {
  return (ceil_div(a.C, 16) * 16 + 16) * (a.taps + 1);
}
static inline int64_t chunks(const DepthwisePack& a) { return column_blocks(a.C, kDepthChannels); }

/// Sums for the filters' gradient: over the places p of dy [images, grid.rows, grid.columns, C], the products
/// of dy[p, c] with x[p + t, c]; `grid` is the forward convolution's. Each of `splits` parts of the places
/// has sums of its own, which depthwise_weight_total adds up.
struct DepthwiseWeight {
  const float* x;
  int64_t images, height, width, C;
  const float* dy;
  const ConvGrid* grid;
  float* partials;  // partial_floats(args): [splits][vectors of channels][taps, and the sum of dy][lanes]
  float* dw;        // [C, taps], or null
  float* dbias;     // [C], or null
  float* scratch;   // scratch_floats(args), of this thread: see set_scratch
};
static inline PlaceBlocks place_blocks(const DepthwiseWeight& a) {
  return place_blocks(a.images, a.grid->rows, (a.grid->columns + a.grid->step_h * a.width) * a.C);
}
static inline int64_t partial_split(const DepthwiseWeight& a) {
  return (ceil_div(a.C, 16) * 16 + 16) * (a.grid->tap_count + 1);
}
/// At most so many that the sums are little beside x and dy.
static inline int64_t splits(const DepthwiseWeight& a) {
  const int64_t floats = a.images * a.C * (a.grid->rows * a.grid->columns + a.height * a.width);
  const int64_t little = floats / (8 * partial_split(a)), blocks = place_blocks(a).count();
  const int64_t most = little < 4 ? 4 : little > 32 ? 32 : little;
  return at_least_one(blocks < most ? blocks : most);
}
static inline int64_t partial_floats(const DepthwiseWeight& a) { return splits(a) * partial_split(a); }
static inline int64_t chunks(const DepthwiseWeight& a) { return splits(a); }
static inline int64_t scratch_floats(const DepthwiseWeight& a) { return rectangle_floats(a.grid, 1); }
static inline void set_scratch(DepthwiseWeight& a, float* scratch) { a.scratch = scratch; }
/// depthwise_weight_total: a chunk is a block of channels.
static inline int64_t total_chunks(const DepthwiseWeight& a) { return ceil_div(a.C, kColumnBlock); }

}  // namespace ortune
