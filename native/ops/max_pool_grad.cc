// The gradient of max pooling, from x and y instead of stored places: a window's taps are looked at in row
// order, and the first that is the window's largest takes dy. Windows may overlap, so a chunk owns rows of
// dx, goes through all windows that reach them and leaves the other rows alone.
#include "ops/pool.h"
#include "ops/rectangles.h"

namespace ortune::ORTUNE_ISA {
namespace {

/// The rows of dx of a chunk, in floats from the beginning of dx.
struct Owned {
  int64_t begin, end;
  bool has(int64_t at) const { return at >= begin && at < end; }
};

/// One window: `at` is its first tap, in floats of x.
template <int V, class Part>
void window(const MaxPoolGrad& a, const Rectangle& rectangle, const Owned& owned, int64_t at, int64_t channel,
            const float* y, const float* dy, Part part) {
  F32 largest[V], left[V];  // dy where no tap has taken it
#pragma GCC unroll 8
  for (int v = 0; v < V; ++v) {
    largest[v] = load(y + channel + v * kLanes, part);
    left[v] = load(dy + channel + v * kLanes, part);
  }
  for (const Tap *tap = rectangle.taps, *end = tap + rectangle.count; tap < end; ++tap) {
    const int64_t place = at + tap->offset;
    const float* x = a.x + place + channel;
    float* dx = owned.has(place) ? a.dx + place + channel : nullptr;
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) {
      const F32 of_x = load(x + v * kLanes, part);
      const I32 taken = (of_x == largest[v]) | (of_x != of_x);
      if (dx) store(dx + v * kLanes, load(dx + v * kLanes, part) + (F32)((I32)left[v] & taken), part);
      left[v] = (F32)((I32)left[v] & ~taken);
    }
  }
}

/// The first integer a with a * step >= n.
int64_t ceil_quotient(int64_t n, int64_t step) { return n > 0 ? (n + step - 1) / step : -(-n / step); }

}  // namespace

void max_pool_grad(const MaxPoolGrad& a, int64_t chunk) {
  const ConvGrid& grid = *a.grid;
  const PlaceBlock block = place_block(place_blocks(a), a.images, a.height, chunk);
  int64_t low = 0, high = 0;
  for (int64_t t = 0; t < grid.tap_count; ++t) {
    low = t == 0 || grid.taps[t].h < low ? grid.taps[t].h : low;
    high = t == 0 || grid.taps[t].h > high ? grid.taps[t].h : high;
  }
  const int64_t first = ceil_quotient(block.row - high, grid.step_h),
                end = ceil_quotient(block.row_end - low, grid.step_h);
  const int64_t row = first > 0 ? first : 0, row_end = end < grid.rows ? end : grid.rows;
  const int64_t of_row = a.width * a.C;
  const ImageSizes sizes = {a.height, a.width, grid.rows, grid.columns, a.C};
  for (int64_t image = block.image; image < block.image_end; ++image) {
    const Owned owned = {(image * a.height + block.row) * of_row,
                         (image * a.height + block.row_end) * of_row};
    memset(a.dx + owned.begin, 0, static_cast<size_t>(owned.end - owned.begin) * sizeof(float));
    const PlaceBlock only{image, image + 1, row, row_end};
    each_rectangle(grid, a.height, a.width, a.C, row, row_end, a.scratch, [&](const Rectangle& r) {
      if (r.count == 0) return;
      const auto at_place = [&](int64_t, const RectanglePlace& place) {
        const int64_t at = place.source, out = place.result;
        // A vector that ends with the channels would add some of them twice: the tail is one of lanes.
        const int64_t whole = a.C / kLanes * kLanes;
        each_channel_panel(0, whole, [&](int64_t channel, auto vectors, auto part) {
          window<vectors.kCount>(a, r, owned, at, channel, a.y + out, a.dy + out, part);
        });
        if (whole < a.C) window<1>(a, r, owned, at, whole, a.y + out, a.dy + out, Tail{a.C - whole});
      };
      each_tile<1>(grid, r, only, sizes, at_place, [](int64_t) {});
    });
  }
}

}  // namespace ortune::ORTUNE_ISA
