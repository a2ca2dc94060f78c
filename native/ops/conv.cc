// Convolution over a table of addresses: a tile of places by a panel of columns stays in registers while the
// taps and channels go by. Channels of a place lie together, so nothing is copied. Where they are few (the
// stem of a network) a row of taps is read as one. Taps outside the image read a row of zeros. Every element
// of y is one chain of multiply-adds in the order of taps and channels, so it does not depend on how places
// and columns are cut.
#include "ops/conv_places.h"

namespace ortune::ORTUNE_ISA {
namespace {

constexpr int kRows = kTileRows;

/// A block of places with everything the tiles need of it.
struct Block {
  const float** addresses;  // [tile][tap][kRows]
  float** out;              // [place], column 0 of the group
  int64_t places, taps, depth;
  const ConvTap* tap;  // null: in the order of the filter
};

template <int V>
void tile(const Block& block, int64_t first, const float* panel, const float* bias, int64_t column,
          int64_t left) {
  F32 c[kRows][V];
#pragma GCC unroll 8
  for (int v = 0; v < V; ++v) {
    F32 start = {};
    if (bias) {
      const int64_t n = left - v * kLanes;
      if (n >= kLanes)
        start = load(bias + column + v * kLanes, Full{});
      else if (n > 0)
        start = load(bias + column + v * kLanes, Tail{n});
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) c[r][v] = start;
  }
  const float* const* address = block.addresses + first * block.taps;
  const int64_t depth = block.depth;
  for (int64_t t = 0; t < block.taps; ++t, address += kRows) {
    const float* b = panel + (block.tap ? block.tap[t].filter : t) * depth * (V * kLanes);
    const float* a[kRows];
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) a[r] = address[r];
    for (int64_t k = 0; k < depth; ++k, b += V * kLanes) {
      F32 of_b[V];
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) of_b[v] = load(b + v * kLanes, Full{});
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        const F32 of_a = set(a[r][k]);
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) c[r][v] += of_a * of_b[v];
      }
    }
  }
  float* const* out = block.out + first;
  if (left >= V * kLanes && first + kRows <= block.places) {
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) store(out[r] + column + v * kLanes, c[r][v], Full{});
    return;
  }
  F32 sums[kRows * V];  // c itself must not have an address, or it lives in memory
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) sums[r * V + v] = c[r][v];
  const int64_t rows = smaller(kRows, block.places - first);
  for (int64_t r = 0; r < rows; ++r)
    each(smaller(left, V * kLanes),
         [&](int64_t i, auto part) { store(out[r] + column + i, sums[r * V + i / kLanes], part); });
}

template <int V>
void tiles(const Block& block, const float* panel, int64_t width, const float* bias, int64_t column,
           int64_t left) {
  if constexpr (V > 1)
    if (width < V * kLanes) return tiles<V - 1>(block, panel, width, bias, column, left);
  for (int64_t first = 0; first < block.places; first += kRows)
    tile<V>(block, first, panel, bias, column, left);
}

/// Fills the tables of a block of places beginning at `place`. `rest`: a row of zeros, or room for what is
/// copied.
void tabulate(const Conv& a, const ConvGrid& grid, int64_t group, int64_t place, const Block& block,
              float* rest) {
  const Source from = {a.x + group * a.C, a.height, a.width, a.groups * a.C, a.C};
  const Reach reach(grid, 0, grid.tap_count);
  const Runs runs(from, grid, a.run);
  Place at(grid, place);
  for (int64_t p = 0; p < block.places; ++p, at.next(grid)) {
    const float** address = block.addresses + p / kRows * kRows * block.taps + p % kRows;
    if (a.run > 1)
      address_runs(from, runs, at, rest + p * grid.tap_count * a.C, address, kRows);
    else
      address_taps(from, reach, at, rest, address, kRows);
    const int64_t h = grid.start_h + at.i * grid.stride_h, w = grid.start_w + at.j * grid.stride_w;
    block.out[p] = a.y + (((at.image * a.out_height + h) * a.out_width + w) * a.groups + group) * a.M;
  }
  // Rows of the last tile that are not there repeat its first one.
  for (int64_t p = block.places; p % kRows != 0; ++p)
    for (int64_t t = 0; t < block.taps; ++t) {
      const float** row = block.addresses + (p / kRows * block.taps + t) * kRows;
      row[p % kRows] = row[0];
    }
}

}  // namespace

void conv_pack(const ConvPack& a, int64_t chunk) {
  const int64_t blocks = column_blocks(a.columns()), group = chunk / blocks;
  const int64_t first = column_begin(a.columns(), chunk % blocks);
  const int64_t columns = column_begin(a.columns(), chunk % blocks + 1) - first, depth = a.depth(),
                rows = a.taps * depth;
  const float* filters = a.filters + group * a.out * a.in * a.taps;
  float* block = a.packed + group * packed_group(a.columns(), a.taps, depth) + first * rows;
  const int64_t of_column = a.transposed ? a.taps : a.in * a.taps,
                of_row = a.transposed ? a.in * a.taps : a.taps;
  each_panel(columns, [&](int64_t begin, int64_t width) {
    float* panel = block + begin * rows;
    const int64_t real = smaller(width, columns - begin);
    const float* from = filters + (first + begin) * of_column;
    for (int64_t k = 0; k < depth; ++k)
      for (int64_t t = 0; t < a.taps; ++t) {
        float* to = panel + (t * depth + k) * width;
        const float* at = from + k * of_row + t;
        for (int64_t m = 0; m < real; ++m) to[m] = at[m * of_column];
        for (int64_t m = real; m < width; ++m) to[m] = 0;
      }
  });
}

void conv(const Conv& a, int64_t chunk) {
  const int64_t blocks = column_blocks(a.M);
  const int64_t first = column_begin(a.M, chunk % blocks), group = chunk / blocks % a.groups;
  const int64_t columns = column_begin(a.M, chunk % blocks + 1) - first;
  int64_t index = chunk / blocks / a.groups;
  const ConvGrid* grid = a.grids;
  for (; index >= grid_chunks(a, *grid); ++grid) index -= grid_chunks(a, *grid);
  const int64_t size = conv_block(a, *grid), place = index * size;

  Block block;
  block.places = smaller(size, a.images * grid->rows * grid->columns - place);
  block.taps = grid->tap_count / a.run;
  block.depth = a.run * a.C;
  block.tap = a.run > 1 ? nullptr : grid->taps;
  block.addresses = reinterpret_cast<const float**>(a.scratch);
  block.out = reinterpret_cast<float**>(a.scratch) + size * block.taps;
  float* rest = a.scratch + 2 * size * (block.taps + 1);
  if (a.run == 1)
    for (int64_t c = 0; c < a.C; ++c) rest[c] = 0;
  tabulate(a, *grid, group, place, block, rest);

  const int64_t rows = a.filter_taps * a.C;
  const float* packed = a.packed + group * packed_group(a.M, a.filter_taps, a.C) + first * rows;
  const float* bias = a.bias ? a.bias + group * a.M : nullptr;
  each_panel(columns, [&](int64_t begin, int64_t width) {
    tiles<kTileVectors>(block, packed + begin * rows, width, bias, first + begin, columns - begin);
  });
}

}  // namespace ortune::ORTUNE_ISA
