// The gradient of a convolution's filters: a matrix product of x, read at a tap, with dy, summed over places.
// A tile of channels by a panel of columns stays in registers while the places of a block go by; the block's
// columns of dy are copied beside each other first, because every tap and channel reads them again.
#include "ops/conv_places.h"

namespace ortune::ORTUNE_ISA {
namespace {

/// One block of places: addresses[tap][place] and, panel by panel, dy[place][width].
struct Block {
  const float** addresses;
  float* dy;
  int64_t places;
  bool add;  // to what the sums hold
};

/// sums[R][V] += over the places of a[place][channel ...] dy[place].
template <int R, int V>
void tile(const Block& block, const float* const* address, int64_t channel, const float* dy, float* sums) {
  F32 c[R][V];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) c[r][v] = F32{};
  for (int64_t p = 0; p < block.places; ++p, dy += V * kLanes) {
    const float* a = address[p] + channel;
    F32 of_dy[V];
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) of_dy[v] = load(dy + v * kLanes, Full{});
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const F32 of_a = set(a[r]);
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) c[r][v] += of_a * of_dy[v];
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) {
      float* at = sums + (r * V + v) * kLanes;
      store(at, block.add ? load(at, Full{}) + c[r][v] : c[r][v], Full{});
    }
}

template <int R, int V>
void choose_tile(const Block& block, const float* const* address, int64_t channel, int64_t height,
                 const float* dy, float* sums) {
  if constexpr (R > 1)
    if (height < R) return choose_tile<R - 1, V>(block, address, channel, height, dy, sums);
  tile<R, V>(block, address, channel, dy, sums);
}

/// All channels of a tap; sums [channels][width].
template <int V>
void channels(const Block& block, const float* const* address, int64_t depth, const float* dy, int64_t width,
              float* sums) {
  if constexpr (V > 1)
    if (width < V * kLanes) return channels<V - 1>(block, address, depth, dy, width, sums);
  int64_t tiles = (depth + kTileRows - 1) / kTileRows;
  for (int64_t c = 0, height; c < depth; c += height, --tiles) {
    height = (depth - c + tiles - 1) / tiles;
    choose_tile<kTileRows, V>(block, address, c, height, dy, sums + c * width);
  }
}

/// Copies the columns of dy of a panel, `real` of which exist, and adds them up into `total` where that is
/// wanted.
void copy_panel(const float* dy, int64_t stride, int64_t places, int64_t real, int64_t width, float* to,
                float* total, bool add) {
  for (int64_t i = 0; i < width; i += kLanes) {
    const int64_t n = real - i;
    F32 sum = {};
    for (int64_t p = 0; p < places; ++p) {
      F32 v = {};
      if (n >= kLanes)
        v = load(dy + p * stride + i, Full{});
      else if (n > 0)
        v = load(dy + p * stride + i, Tail{n});
      sum += v;
      store(to + p * width + i, v, Full{});
    }
    if (total) store(total + i, add ? load(total + i, Full{}) + sum : sum, Full{});
  }
}

}  // namespace

void conv_weight(const ConvWeight& a, int64_t chunk) {
  const int64_t tap_block = chunk % tap_blocks(a), of_taps = chunk / tap_blocks(a);
  const int64_t blocks = column_blocks(a.M), of_columns = of_taps / blocks;
  const int64_t group = of_columns % a.groups, split = of_columns / a.groups;
  const int64_t first = column_begin(a.M, of_taps % blocks),
                columns = column_begin(a.M, of_taps % blocks + 1) - first;
  const int64_t first_tap = tap_begin(a, tap_block), end_tap = tap_begin(a, tap_block + 1);
  const int64_t taps = (end_tap - first_tap) / a.run, depth = a.run * a.C;
  const int64_t size = weight_block(a), rows = filter_rows(a) + 1, stride = a.groups * a.M;
  const int64_t place_blocks = ceil_div(weight_places(a), size);
  const int64_t begin_block = place_blocks * split / splits(a),
                end_block = place_blocks * (split + 1) / splits(a);
  float* partial = a.partials + (split * a.groups + group) * partial_group(a) + first * rows;

  const Source from = {a.x + group * a.C, a.height, a.width, a.groups * a.C, a.C};
  const Reach reach(*a.grid, first_tap, end_tap);
  const Runs runs(from, *a.grid, a.run);
  Block block;
  block.addresses = reinterpret_cast<const float**>(a.scratch);
  block.dy = a.scratch + 2 * size * taps;
  float* rest = block.dy + size * kConvColumns;
  if (a.run == 1)
    for (int64_t c = 0; c < a.C; ++c) rest[c] = 0;
  for (int64_t b = begin_block; b < end_block; ++b) {
    const int64_t place = b * size;
    block.places = smaller(size, weight_places(a) - place);
    block.add = b > begin_block;
    Place at(*a.grid, place);
    for (int64_t p = 0; p < block.places; ++p, at.next(*a.grid)) {
      if (a.run > 1)
        address_runs(from, runs, at, rest + p * filter_rows(a), block.addresses + p, size);
      else
        address_taps(from, reach, at, rest, block.addresses + p, size);
    }
    each_panel(columns, [&](int64_t begin, int64_t width) {
      float *sums = partial + begin * rows, *total = sums + (rows - 1) * width;
      copy_panel(a.dy + place * stride + group * a.M + first + begin, stride, block.places,
                 smaller(width, columns - begin), width, block.dy, tap_block == 0 ? total : nullptr,
                 block.add);
      for (int64_t t = 0; t < taps; ++t)
        channels<kTileVectors>(block, block.addresses + t * size, depth, block.dy, width,
                               sums + (first_tap * a.C + t * depth) * width);
    });
  }
}

void conv_weight_total(const ConvWeight& a, int64_t chunk) {
  const int64_t blocks = column_blocks(a.M), group = chunk / blocks;
  const int64_t first = column_begin(a.M, chunk % blocks),
                columns = column_begin(a.M, chunk % blocks + 1) - first;
  const int64_t taps = a.grid->tap_count, rows = filter_rows(a) + 1, count = splits(a);
  const int64_t stride = a.groups * partial_group(a);
  const float* block = a.partials + group * partial_group(a) + first * rows;
  each_panel(columns, [&](int64_t begin, int64_t width) {
    const float* panel = block + begin * rows;
    const int64_t real = smaller(width, columns - begin), column = group * a.M + first + begin;
    float sums[kTileVectors * kLanes];
    const auto total = [&](int64_t row) {
      for (int64_t i = 0; i < width; i += kLanes) {
        const float* at = panel + row * width + i;
        F32 sum = load(at, Full{});
        for (int64_t s = 1; s < count; ++s) sum += load(at + s * stride, Full{});
        store(sums + i, sum, Full{});
      }
    };
    for (int64_t c = 0; a.dw && c < a.C; ++c)
      for (int64_t t = 0; t < taps; ++t) {
        total(t * a.C + c);
        for (int64_t m = 0; m < real; ++m) a.dw[((column + m) * a.C + c) * taps + t] = sums[m];
      }
    if (!a.dbias) return;
    total(rows - 1);
    for (int64_t m = 0; m < real; ++m) a.dbias[column + m] = sums[m];
  });
}

}  // namespace ortune::ORTUNE_ISA
