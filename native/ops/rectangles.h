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

/// Of a place of a rectangle: its first tap and its result, in floats from the first image's first; the first
/// tap in places too.
struct RectanglePlace {
  int64_t source, result, source_place;
};
/// Heights and widths of the images that are read and written, all of C channels.
struct ImageSizes {
  int64_t height, width, out_height, out_width, C;
};

/// Cuts the places of a rectangle, in all images of a block, into tiles of P; the last two are as even as
/// they can be. Calls put(k, place) for the places of a tile, then f(how many).
template <int P, class Put, class F>
static inline void each_tile(const ConvGrid& grid, const Rectangle& r, const PlaceBlock& block,
                             const ImageSizes& sizes, Put put, F f) {
  int64_t image = block.image, i = 0, j = 0;
  RectanglePlace at;
  const auto begin_row = [&] {
    at.source_place = (image * sizes.height + r.h + i * grid.step_h) * sizes.width + r.w;
    at.source = at.source_place * sizes.C;
    const int64_t row = image * sizes.out_height + grid.start_h + (r.i + i) * grid.stride_h;
    at.result = (row * sizes.out_width + grid.start_w + r.j * grid.stride_w) * sizes.C;
  };
  begin_row();
  const int64_t source_step = grid.step_w * sizes.C, result_step = grid.stride_w * sizes.C;
  const int64_t places = (block.image_end - block.image) * r.rows * r.columns;
  for (int64_t left = places, count; left > 0; left -= count) {
    count = left >= 2 * P || left == P ? P : left > P ? (left + 1) / 2 : left;
    for (int64_t k = 0; k < count; ++k) {
      put(k, at);
      at.source += source_step;
      at.result += result_step;
      at.source_place += grid.step_w;
      if (++j < r.columns) continue;
      j = 0;
      if (++i == r.rows) {
        i = 0;
        ++image;
      }
      begin_row();
    }
    f(count);
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
