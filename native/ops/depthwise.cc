// Depthwise convolution: a tile of places by a panel of channels stays in registers while the taps go by. The
// places of a tile have the same taps, so the filters' vectors are loaded once for all of them. Every element
// of y is one chain of multiply-adds in the order of the taps.
#include "ops/rectangles.h"

namespace ortune::ORTUNE_ISA {
namespace {

constexpr int kPlaces = 4;

/// Where the first tap and the result of each place of a tile are.
struct TilePlaces {
  const float* x[kPlaces];
  float* y[kPlaces];
};

template <int P, int V, class Part>
void tile(const TilePlaces& places, const Rectangle& rectangle, const float* panel, const float* bias,
          int64_t channel, Part part) {
  F32 c[P][V];
#pragma GCC unroll 8
  for (int v = 0; v < V; ++v) {
    const F32 start = load(bias + v * kLanes, Full{});
#pragma GCC unroll 8
    for (int r = 0; r < P; ++r) c[r][v] = start;
  }
  const float* x[P];
#pragma GCC unroll 8
  for (int r = 0; r < P; ++r) x[r] = places.x[r] + channel;
  const Tap* const end = rectangle.taps + rectangle.count;
  for (const Tap* tap = rectangle.taps; tap < end; ++tap) {
    const int64_t offset = tap->offset;
    const float* w = panel + tap->filter * (V * kLanes);
    F32 of_w[V];
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) of_w[v] = load(w + v * kLanes, Full{});
#pragma GCC unroll 8
    for (int r = 0; r < P; ++r)
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) c[r][v] += load(x[r] + offset + v * kLanes, part) * of_w[v];
  }
#pragma GCC unroll 8
  for (int r = 0; r < P; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) store(places.y[r] + channel + v * kLanes, c[r][v], part);
}

/// All panels of the channels [first, end).
template <int P>
void panels(const Depthwise& a, const TilePlaces& places, int64_t count, const Rectangle& rectangle,
            int64_t first, int64_t end) {
  if constexpr (P > 1)
    if (count < P) return panels<P - 1>(a, places, count, rectangle, first, end);
  const float* panel = a.packed + first * (a.filter_taps + 1);
  each_channel_panel(first, end, [&](int64_t channel, auto vectors, auto part) {
    constexpr int64_t width = vectors.kCount * kLanes;
    const float* bias = panel + a.filter_taps * width;
    tile<P, vectors.kCount>(places, rectangle, panel, bias, channel, part);
    panel = bias + width;
  });
}

}  // namespace

void depthwise_pack(const DepthwisePack& a, int64_t chunk) {
  const int64_t first = column_begin(a.C, chunk, kDepthChannels),
                end = column_begin(a.C, chunk + 1, kDepthChannels);
  float* to = a.packed + first * (a.taps + 1);
  each_channel_panel(first, end, [&](int64_t channel, auto vectors, auto) {
    constexpr int64_t width = vectors.kCount * kLanes;
    for (int64_t t = 0; t <= a.taps; ++t)
      for (int64_t i = 0; i < width; ++i) {
        const int64_t c = channel + i;
        if (c >= a.C)
          *to++ = 0;
        else if (t < a.taps)
          *to++ = a.filters[c * a.taps + t];
        else
          *to++ = a.bias ? a.bias[c] : 0;
      }
  });
}

void depthwise(const Depthwise& a, int64_t chunk) {
  const int64_t rows = most_rows(a.grids, a.grid_count);
  const PlaceBlock block = place_block(place_blocks(a), a.images, rows, chunk);
  const ImageSizes sizes = {a.height, a.width, a.out_height, a.out_width, a.C};
  for (int64_t b = 0; b < column_blocks(a.C, kDepthChannels); ++b) {
    const int64_t first = column_begin(a.C, b, kDepthChannels),
                  end = column_begin(a.C, b + 1, kDepthChannels);
    for (int64_t g = 0; g < a.grid_count; ++g) {
      const ConvGrid& grid = a.grids[g];
      const auto rectangle = [&](const Rectangle& r) {
        TilePlaces tile;
        each_tile<kPlaces>(
            grid, r, block, sizes,
            [&](int64_t k, const RectanglePlace& at) {
              tile.x[k] = r.count ? a.x + at.source : a.x;
              tile.y[k] = a.y + at.result;
            },
            [&](int64_t count) { panels<kPlaces>(a, tile, count, r, first, end); });
      };
      const int64_t row_end = block.row_end < grid.rows ? block.row_end : grid.rows;
      each_rectangle(grid, a.height, a.width, a.C, block.row, row_end, a.scratch, rectangle);
    }
  }
}

}  // namespace ortune::ORTUNE_ISA
