// Pooling: a tile of places by a panel of channels stays in registers while the taps go by, as in
// ops/depthwise.cc. Every element of y is one chain in the order of the taps.
#include "ops/pool.h"

#include "ops/rectangles.h"

namespace ortune::ORTUNE_ISA {
namespace {

constexpr int kPlaces = 4;

/// Of each place of a tile: where its first tap is, in floats and in places, and where its result is.
struct TilePlaces {
  const float* x[kPlaces];
  const float* weight[kPlaces];
  float* y[kPlaces];
};

template <PoolKind K, int P, int V, class Part>
void tile(const TilePlaces& places, const Rectangle& rectangle, float factor, int64_t channel, Part part) {
  F32 c[P][V];
  const F32 start = K == PoolKind::kMax ? set(-__builtin_inff()) : F32{};
  const float* x[P];
#pragma GCC unroll 8
  for (int r = 0; r < P; ++r) {
    x[r] = places.x[r] + channel;
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) c[r][v] = start;
  }
  const Tap* const end = rectangle.taps + rectangle.count;
  for (const Tap* tap = rectangle.taps; tap < end; ++tap) {
    const int64_t offset = tap->offset;
#pragma GCC unroll 8
    for (int r = 0; r < P; ++r) {
      F32 weight = {};
      if constexpr (K == PoolKind::kSpread) weight = set(places.weight[r][tap->place]);
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) {
        const F32 of_x = load(x[r] + offset + v * kLanes, part);
        if constexpr (K == PoolKind::kMax)
          c[r][v] = (of_x > c[r][v]) | (of_x != of_x) ? of_x : c[r][v];
        else if constexpr (K == PoolKind::kSpread)
          c[r][v] += of_x * weight;
        else
          c[r][v] += of_x;
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < P; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v)
      store(places.y[r] + channel + v * kLanes, K == PoolKind::kMean ? c[r][v] * factor : c[r][v], part);
}

template <PoolKind K, int P>
void panels(const Pool& a, const TilePlaces& places, int64_t count, const Rectangle& rectangle,
            float factor) {
  if constexpr (P > 1)
    if (count < P) return panels<K, P - 1>(a, places, count, rectangle, factor);
  each_channel_panel(0, a.C, [&](int64_t channel, auto vectors, auto part) {
    tile<K, P, vectors.kCount>(places, rectangle, factor, channel, part);
  });
}

template <PoolKind K>
void block(const Pool& a, const PlaceBlock& of) {
  const ImageSizes sizes = {a.height, a.width, a.out_height, a.out_width, a.C};
  for (int64_t g = 0; g < a.grid_count; ++g) {
    const ConvGrid& grid = a.grids[g];
    const auto rectangle = [&](const Rectangle& r) {
      const int64_t divisor = a.divisor ? a.divisor : at_least_one(r.count);
      const float factor = 1.0f / static_cast<float>(divisor);
      TilePlaces tile;
      each_tile<kPlaces>(
          grid, r, of, sizes,
          [&](int64_t k, const RectanglePlace& at) {
            tile.x[k] = r.count ? a.x + at.source : a.x;
            tile.y[k] = a.y + at.result;
            if constexpr (K == PoolKind::kSpread)
              tile.weight[k] = a.weights + (r.count ? at.source_place % (a.height * a.width) : 0);
          },
          [&](int64_t count) { panels<K, kPlaces>(a, tile, count, r, factor); });
    };
    const int64_t row_end = of.row_end < grid.rows ? of.row_end : grid.rows;
    each_rectangle(grid, a.height, a.width, a.C, of.row, row_end, a.scratch, rectangle);
  }
}

}  // namespace

void pool(const Pool& a, int64_t chunk) {
  const int64_t rows = most_rows(a.grids, a.grid_count);
  const PlaceBlock of = place_block(place_blocks(a), a.images, rows, chunk);
  switch (a.kind) {
    case PoolKind::kMax:
      return block<PoolKind::kMax>(a, of);
    case PoolKind::kMean:
      return block<PoolKind::kMean>(a, of);
    case PoolKind::kSpread:
      return block<PoolKind::kSpread>(a, of);
  }
}

}  // namespace ortune::ORTUNE_ISA
