// What the convolution kernels share: panels of columns, the walk over the places of a grid, and the
// addresses of the taps of a place.
#pragma once

#include "ops/conv.h"
#include "ops/gemm_tile.h"

namespace ortune::ORTUNE_ISA {

static inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/// The panels of a block of columns: as even as they can be, in vectors.
template <class F>
static inline void each_panel(int64_t columns, F f) {
  const int64_t vectors = (columns + kLanes - 1) / kLanes;
  int64_t panels = (vectors + kTileVectors - 1) / kTileVectors;
  for (int64_t first = 0, width; first < vectors; first += width, --panels) {
    width = (vectors - first + panels - 1) / panels;
    f(first * kLanes, width * kLanes);
  }
}

/// Walks the places of a grid from `place` on.
struct Place {
  int64_t image, i, j;
  Place(const ConvGrid& grid, int64_t place)
      : image(place / (grid.rows * grid.columns)),
        i(place / grid.columns % grid.rows),
        j(place % grid.columns) {}
  void next(const ConvGrid& grid) {
    if (++j < grid.columns) return;
    j = 0;
    if (++i < grid.rows) return;
    i = 0;
    ++image;
  }
};

/// The channels of one group of an image batch [images, height, width, stride].
struct Source {
  const float* x;  // of the group
  int64_t height, width, stride;
  int64_t C;  // of the group
  bool inside(int64_t h, int64_t w) const { return h >= 0 && h < height && w >= 0 && w < width; }
  const float* at(int64_t image, int64_t h, int64_t w) const {
    return x + ((image * height + h) * width + w) * stride;
  }
};

/// The taps [first, end) of a grid, and how far they reach.
struct Reach {
  const ConvGrid& grid;
  int64_t first, end;
  int64_t low_h = 0, high_h = 0, low_w = 0, high_w = 0;
  Reach(const ConvGrid& grid, int64_t first, int64_t end) : grid(grid), first(first), end(end) {
    for (int64_t t = first; t < end; ++t) {
      const ConvTap& tap = grid.taps[t];
      if (tap.h < low_h) low_h = tap.h;
      if (tap.h > high_h) high_h = tap.h;
      if (tap.w < low_w) low_w = tap.w;
      if (tap.w > high_w) high_w = tap.w;
    }
  }
};

/// Writes the address of each tap of a place, `step` apart; that of `zeros` for taps outside the image.
static inline void address_taps(const Source& from, const Reach& reach, const Place& at, const float* zeros,
                                const float** address, int64_t step) {
  const int64_t h = at.i * reach.grid.step_h, w = at.j * reach.grid.step_w;
  const ConvTap* taps = reach.grid.taps;
  if (from.inside(h + reach.low_h, w + reach.low_w) && from.inside(h + reach.high_h, w + reach.high_w)) {
    const float* origin = from.at(at.image, h, w);
    for (int64_t t = reach.first; t < reach.end; ++t, address += step)
      *address = origin + (taps[t].h * from.width + taps[t].w) * from.stride;
    return;
  }
  for (int64_t t = reach.first; t < reach.end; ++t, address += step)
    *address =
        from.inside(h + taps[t].h, w + taps[t].w) ? from.at(at.image, h + taps[t].h, w + taps[t].w) : zeros;
}

/// The taps of a grid in runs of `length`, which are read as one tap each.
struct Runs {
  const ConvGrid& grid;
  int64_t length;
  bool neighbours;  // a run inside the image is one piece of memory
  Runs(const Source& from, const ConvGrid& grid, int64_t length)
      : grid(grid), length(length), neighbours(from.stride == from.C) {
    for (int64_t t = 0; t < grid.tap_count && neighbours; ++t) {
      const ConvTap &tap = grid.taps[t], &head = grid.taps[t - t % length];
      neighbours = tap.h == head.h && tap.w == head.w + t % length;
    }
  }
};

/// Writes the address of each run of a place, `step` apart. What is not one piece of memory inside the image
/// is copied to `rows` first, with zeros outside: [tap_count * C] for each place.
static inline void address_runs(const Source& from, const Runs& runs, const Place& at, float* rows,
                                const float** address, int64_t step) {
  const ConvGrid& grid = runs.grid;
  const int64_t i = at.i * grid.step_h, j = at.j * grid.step_w;
  for (int64_t t = 0; t < grid.tap_count; t += runs.length, address += step) {
    const int64_t h = i + grid.taps[t].h, w = j + grid.taps[t].w;
    if (runs.neighbours && from.inside(h, w) && w + runs.length <= from.width) {
      *address = from.at(at.image, h, w);
      continue;
    }
    *address = rows + t * from.C;
    for (int64_t r = t; r < t + runs.length; ++r) {
      const int64_t y = i + grid.taps[r].h, x = j + grid.taps[r].w;
      for (int64_t c = 0; c < from.C; ++c)
        rows[r * from.C + c] = from.inside(y, x) ? from.at(at.image, y, x)[c] : 0;
    }
  }
}

}  // namespace ortune::ORTUNE_ISA
