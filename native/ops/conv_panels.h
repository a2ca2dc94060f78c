// Arguments of a convolution by panels (gemm_panels.h), for instruction sets whose panels outrun vectors: the
// same sums as `conv`, of the same grids, for images with many channels. Places are packed tap by tap, so a
// tap is a matrix product of places x channels with channels x filters, added to those before.
#pragma once

#include "ops/conv.h"
#include "ops/gemm.h"

namespace ortune {

/// Filters as conv_panels reads them, for each group: [tap][blocks of depth][panels of columns].
struct ConvPanelsPack {
  ConvPack of;
};
/// Channels that are multiplied at once.
constexpr int64_t kConvDepth = 128;
static inline int64_t conv_depth(int64_t channels) {
  return ceil_div(ceil_div(channels, ceil_div(channels, kConvDepth)), kGemmDepth) * kGemmDepth;
}
static inline int64_t conv_depths(int64_t channels) { return ceil_div(channels, conv_depth(channels)); }
static inline int64_t packed_tap(int64_t columns, int64_t channels) {
  return conv_depths(channels) * gemm_floats(columns, conv_depth(channels));
}
static inline int64_t packed_floats(const ConvPanelsPack& a) {
  return a.of.groups * a.of.taps * packed_tap(a.of.columns(), a.of.depth()) + 16;
}
/// A chunk is a panel of columns of all taps, which lie together.
static inline int64_t chunks(const ConvPanelsPack& a) {
  return a.of.groups * ceil_div(a.of.columns(), kGemmPanel);
}

/// `of` with packed as conv_panels_pack has left it; its own chunks and scratch are not used.
struct ConvPanels {
  Conv of;
};
constexpr int64_t kPanelPlaces = 384, kPanelColumns = 4 * kGemmPanel;
static inline int64_t panel_column_blocks(const ConvPanels& a) { return ceil_div(a.of.M, kPanelColumns); }
static inline int64_t grid_chunks(const ConvPanels& a, const ConvGrid& grid) {
  return ceil_div(a.of.images * grid.rows * grid.columns, kPanelPlaces);
}
static inline int64_t chunks(const ConvPanels& a) {
  int64_t blocks = 0;
  for (int64_t g = 0; g < a.of.grid_count; ++g) blocks += grid_chunks(a, a.of.grids[g]);
  return blocks * a.of.groups * panel_column_blocks(a);
}
static inline int64_t scratch_floats(const ConvPanels& a) {
  const int64_t columns = a.of.M < kPanelColumns ? ceil_div(a.of.M, kGemmPanel) * kGemmPanel : kPanelColumns;
  int64_t taps = 0;
  for (int64_t g = 0; g < a.of.grid_count; ++g)
    if (a.of.grids[g].tap_count > taps) taps = a.of.grids[g].tap_count;
  return 2 * kPanelPlaces * (taps + 1) + kPanelPlaces * columns +
         gemm_floats(kPanelPlaces, conv_depth(a.of.C)) + a.of.C + 64;
}
static inline void set_scratch(ConvPanels& a, float* scratch) { a.of.scratch = scratch; }

}  // namespace ortune
