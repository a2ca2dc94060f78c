// The gradient of a depthwise convolution's filters: the sums of several taps of a vector of channels stay in
// registers while the places of a small rectangle go by, whose dy and x the L1 cache holds for all channels
// and taps.
#include "ops/rectangles.h"

namespace ortune::ORTUNE_ISA {
namespace {

constexpr int kTaps = 9;     // of which the sums, with one dy, fit the registers
constexpr int kColumns = 8;  // of a small rectangle
constexpr int kPlaces = 16;  // the same, of its rows too

/// A small rectangle: of places, x of the first tap and dy of the first place.
struct Piece {
  const float *x, *dy;
  int64_t rows, columns;
  int64_t x_row, x_column, dy_row, dy_column;  // strides
};

template <int T, class Part>
void add_taps(const Piece& piece, const Tap* taps, int64_t channel, float* sums, Part part) {
  F32 c[T];
  int64_t offset[T];
#pragma GCC unroll 16
  for (int t = 0; t < T; ++t) {
    c[t] = load(sums + taps[t].filter * kLanes, Full{});
    offset[t] = taps[t].offset;
  }
  const int64_t x_column = piece.x_column, dy_column = piece.dy_column;
  for (int64_t i = 0; i < piece.rows; ++i) {
    const float *x = piece.x + i * piece.x_row + channel, *dy = piece.dy + i * piece.dy_row + channel;
    for (int64_t j = piece.columns; j > 0; --j, x += x_column, dy += dy_column) {
      const F32 of_dy = load(dy, part);
#pragma GCC unroll 16
      for (int t = 0; t < T; ++t) c[t] += load(x + offset[t], part) * of_dy;
    }
  }
#pragma GCC unroll 16
  for (int t = 0; t < T; ++t) store(sums + taps[t].filter * kLanes, c[t], Full{});
}

template <int T, class Part>
void choose_taps(const Piece& piece, const Tap* taps, int64_t count, int64_t channel, float* sums,
                 Part part) {
  if constexpr (T > 1)
    if (count < T) return choose_taps<T - 1>(piece, taps, count, channel, sums, part);
  add_taps<T>(piece, taps, channel, sums, part);
}

/// Adds a piece's dy to the sum of dy.
template <class Part>
void add_dy(const Piece& piece, int64_t channel, float* sum, Part part) {
  F32 total = load(sum, Full{});
  for (int64_t i = 0; i < piece.rows; ++i)
    for (int64_t j = 0; j < piece.columns; ++j)
      total += load(piece.dy + i * piece.dy_row + j * piece.dy_column + channel, part);
  store(sum, total, Full{});
}

/// Calls f(channel, Full or Tail) for the vectors of channels [first, end) of C.
template <class F>
void each_vector(int64_t first, int64_t end, F f) {
  int64_t channel = first;
  for (; channel + kLanes <= end; channel += kLanes) f(channel, Full{});
  if (channel == end) return;
  if (end >= kLanes)
    f(end - kLanes, Full{});
  else
    f(channel, Tail{end - channel});
}

void add_piece(const DepthwiseWeight& a, const Rectangle& r, const Piece& piece, float* sums) {
  each_vector(0, a.C, [&](int64_t channel, auto part) {
    int64_t groups = (r.count + kTaps - 1) / kTaps;
    for (int64_t t = 0, count; a.dw && t < r.count; t += count, --groups) {
      count = (r.count - t + groups - 1) / groups;
      choose_taps<kTaps>(piece, r.taps + t, count, channel, sums, part);
    }
    sums += a.grid->tap_count * kLanes;
    if (a.dbias) add_dy(piece, channel, sums, part);
    sums += kLanes;
  });
}

void add_rectangle(const DepthwiseWeight& a, const Rectangle& r, int64_t image, float* sums) {
  const ConvGrid& grid = *a.grid;
  const int64_t columns = r.columns < kColumns ? r.columns : kColumns, rows = kPlaces / columns;
  Piece piece;
  piece.x_row = grid.step_h * a.width * a.C;
  piece.x_column = grid.step_w * a.C;
  piece.dy_row = grid.columns * a.C;
  piece.dy_column = a.C;
  for (int64_t i = 0; i < r.rows; i += rows)
    for (int64_t j = 0; j < r.columns; j += columns) {
      piece.rows = r.rows - i < rows ? r.rows - i : rows;
      piece.columns = r.columns - j < columns ? r.columns - j : columns;
      const int64_t h = r.h + i * grid.step_h, w = r.w + j * grid.step_w;
      piece.x = r.count ? a.x + ((image * a.height + h) * a.width + w) * a.C : a.x;
      piece.dy = a.dy + ((image * grid.rows + r.i + i) * grid.columns + r.j + j) * a.C;
      add_piece(a, r, piece, sums);
    }
}

}  // namespace

void depthwise_weight(const DepthwiseWeight& a, int64_t chunk) {
  const PlaceBlocks blocks = place_blocks(a);
  float* sums = a.partials + chunk * partial_split(a);
  memset(sums, 0, static_cast<size_t>(partial_split(a)) * sizeof(float));
  for (int64_t b = blocks.count() * chunk / splits(a); b < blocks.count() * (chunk + 1) / splits(a); ++b) {
    const PlaceBlock block = place_block(blocks, a.images, a.grid->rows, b);
    each_rectangle(*a.grid, a.height, a.width, a.C, block.row, block.row_end, a.scratch,
                   [&](const Rectangle& r) {
                     for (int64_t image = block.image; image < block.image_end; ++image)
                       add_rectangle(a, r, image, sums);
                   });
  }
}

void depthwise_weight_total(const DepthwiseWeight& a, int64_t chunk) {
  const int64_t first = chunk * kColumnBlock, taps = a.grid->tap_count, count = splits(a);
  const int64_t end = first + kColumnBlock < a.C ? first + kColumnBlock : a.C;
  const float* vector = a.partials + first * (taps + 1);
  int64_t next = first;  // the last vector may begin with channels that are done
  each_vector(first, end, [&](int64_t channel, auto) {
    const int64_t last = channel + kLanes < end ? channel + kLanes : end;
    for (int64_t t = 0; t <= taps; ++t, vector += kLanes) {
      float* const to = t < taps ? a.dw : a.dbias;
      if (!to) continue;
      F32 sum = load(vector, Full{});
      for (int64_t s = 1; s < count; ++s) sum += load(vector + s * partial_split(a), Full{});
      float lanes[kLanes];
      store(lanes, sum, Full{});
      for (int64_t c = next; c < last; ++c) (t < taps ? to[c * taps + t] : to[c]) = lanes[c - channel];
    }
    next = last;
  });
}

}  // namespace ortune::ORTUNE_ISA
