// Rectangles of places that have the same taps inside the image: the corners, the borders and the middle. In
// one of them a tap is a constant distance from the place, so nothing is looked up or compared per place.
#pragma once

#include "ops/depthwise.h"
#include "simd/vec.h"

namespace ortune::ORTUNE_ISA {

/// A tap of a rectangle: floats and places from the first one, and which tap of the filter.
struct Tap {
  int64_t offset;
  int32_t place, filter;
};

/// The places [i, i + rows) x [j, j + columns) of a grid. The first tap of the place (i, j) is at (h, w).
struct Rectangle {
  int64_t i, rows, j, columns, h, w;
  const Tap* taps;
  int64_t count;
};

/// Where in a grid a tap is inside the image.
struct TapRange {
  int32_t row, row_end, column, column_end;
};

/// The first a with a * step + offset >= 0.
static inline int32_t first_inside(int64_t offset, int64_t step) {
  return static_cast<int32_t>(offset >= 0 ? 0 : ceil_div(-offset, step));
}

/// Calls f(rectangle) for the rectangles of the rows [row, row_end) of a grid over images [height, width, C].
template <class F>
static inline void each_rectangle(const ConvGrid& grid, int64_t height, int64_t width, int64_t C, int64_t row,
                                  int64_t row_end, float* scratch, F f) {
  Tap* taps = reinterpret_cast<Tap*>(scratch);
  TapRange* ranges = reinterpret_cast<TapRange*>(taps + grid.tap_count);
  for (int64_t t = 0; t < grid.tap_count; ++t) {
    const ConvTap& tap = grid.taps[t];
    ranges[t] = {first_inside(tap.h, grid.step_h), first_inside(tap.h - height, grid.step_h),
                 first_inside(tap.w, grid.step_w), first_inside(tap.w - width, grid.step_w)};
  }
  Rectangle r;
  r.taps = taps;
  for (r.i = row; r.i < row_end; r.i += r.rows) {
    int64_t end = row_end;
    for (int64_t t = 0; t < grid.tap_count; ++t) {
      if (ranges[t].row > r.i && ranges[t].row < end) end = ranges[t].row;
      if (ranges[t].row_end > r.i && ranges[t].row_end < end) end = ranges[t].row_end;
    }
    r.rows = end - r.i;
    for (r.j = 0; r.j < grid.columns; r.j += r.columns) {
      r.count = r.h = r.w = 0;
      end = grid.columns;
      for (int64_t t = 0; t < grid.tap_count; ++t) {
        const TapRange& range = ranges[t];
        if (r.i < range.row || r.i >= range.row_end) continue;
        if (range.column > r.j && range.column < end) end = range.column;
        if (range.column_end > r.j && range.column_end < end) end = range.column_end;
        if (r.j < range.column || r.j >= range.column_end) continue;
        const ConvTap& tap = grid.taps[t];
        if (r.count == 0) {
          r.h = r.i * grid.step_h + tap.h;
          r.w = r.j * grid.step_w + tap.w;
        }
        const int64_t place = (r.i * grid.step_h + tap.h - r.h) * width + r.j * grid.step_w + tap.w - r.w;
        taps[r.count++] = {place * C, static_cast<int32_t>(place), tap.filter};
      }
      r.columns = end - r.j;
      f(r);
    }
  }
}

/// A place of a rectangle, of an image.
struct RectanglePlace {
  int64_t image, i, j;
  /// Its first tap, and its result in images of other sizes: numbers of places.
  int64_t source(const ConvGrid& grid, const Rectangle& r, int64_t height, int64_t width) const {
    return (image * height + r.h + i * grid.step_h) * width + r.w + j * grid.step_w;
  }
  int64_t result(const ConvGrid& grid, const Rectangle& r, int64_t height, int64_t width) const {
    const int64_t h = grid.start_h + (r.i + i) * grid.stride_h, w = grid.start_w + (r.j + j) * grid.stride_w;
    return (image * height + h) * width + w;
  }
  void next(const Rectangle& r) {
    if (++j < r.columns) return;
    j = 0;
    if (++i < r.rows) return;
    i = 0;
    ++image;
  }
};

/// Calls f(places, count) for tiles of at most P places of a rectangle in all images of a block, as even as
/// they can be.
template <int P, class F>
static inline void each_tile(const Rectangle& r, const PlaceBlock& block, F f) {
  RectanglePlace at = {block.image, 0, 0}, tile[P];
  const int64_t places = (block.image_end - block.image) * r.rows * r.columns;
  int64_t tiles = (places + P - 1) / P;
  for (int64_t p = 0, count; p < places; p += count, --tiles) {
    count = (places - p + tiles - 1) / tiles;
    for (int64_t k = 0; k < count; ++k, at.next(r)) tile[k] = at;
    f(tile, count);
  }
}

/// So many vectors, as a type.
template <int V>
struct Vectors {
  static constexpr int kCount = V;
};

/// Calls f(channel, Vectors<1..3>, Full or Tail) for panels of the channels [first, end) of C: as even as
/// they can be. Channels behind the last whole vector are done by one that ends with them, so some twice.
template <class F>
static inline void each_channel_panel(int64_t first, int64_t end, F f) {
  const int64_t vectors = (end - first) / kLanes;
  int64_t panels = (vectors + 2) / 3;
  for (int64_t v = 0, width; v < vectors; v += width, --panels) {
    width = (vectors - v + panels - 1) / panels;
    const int64_t channel = first + v * kLanes;
    if (width == 3)
      f(channel, Vectors<3>{}, Full{});
    else if (width == 2)
      f(channel, Vectors<2>{}, Full{});
    else
      f(channel, Vectors<1>{}, Full{});
  }
  if ((end - first) % kLanes == 0) return;
  if (end >= kLanes)
    f(end - kLanes, Vectors<1>{}, Full{});
  else
    f(first, Vectors<1>{}, Tail{end - first});
}

}  // namespace ortune::ORTUNE_ISA
