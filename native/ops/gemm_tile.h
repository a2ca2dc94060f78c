// A small matrix product for operands that sit in the cache: C = A B or C += A B, tile by tile of C in
// registers. A is read element by element at any strides, so transposed just as well; B by whole vectors, so
// its rows must be padded. Every element of C is one chain of multiply-adds in the order of the inner
// dimension, whatever the tiles: the same operands give the same bits in every product. Not for matrices
// larger than the cache.
#pragma once

#include "simd/vec.h"

namespace ortune::ORTUNE_ISA {

/// Tiles of at most kTileRows x kTileVectors: their sums, a row of B and one element of A fit the registers.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kTileRows = 8, kTileVectors = 3;
#else
constexpr int kTileRows = 6, kTileVectors = 2;
#endif

/// C [rows, columns] = A [rows, depth] B [depth, columns].
struct Product {
  const float* a;
  int64_t a_row, a_column;  // strides
  const float* b;           // rows readable to whole vectors
  int64_t b_row;
  float* c;
  int64_t c_row;
  int64_t rows, depth, columns;
  bool add;                  // C +=
  const float* row_factors;  // of the rows of A B; null: ones
};

/// Adds or stores the sums of a tile of which only `left` columns exist.
__attribute__((noinline)) static void put_part(const Product& p, const F32* sums, int rows, int vectors,
                                               int64_t left, float* to) {
  for (int r = 0; r < rows; ++r)
    each(left, [&](int64_t i, auto part) {
      const F32 sum = sums[r * vectors + i / kLanes];
      float* at = to + r * p.c_row + i;
      store(at, p.add ? load(at, part) + sum : sum, part);
    });
}

/// One tile of C, `left` of whose columns exist.
template <int R, int V>
static void tile(const Product& p, int64_t row, int64_t column, int64_t left) {
  F32 c[R][V];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) c[r][v] = F32{};
  const float *a = p.a + row * p.a_row, *b = p.b + column;
  const int64_t a_row = p.a_row, a_column = p.a_column, b_row = p.b_row;
  for (int64_t k = p.depth; k > 0; --k) {
    F32 of_b[V];
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) of_b[v] = load(b + v * kLanes, Full{});
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const F32 of_a = set(a[r * a_row]);
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) c[r][v] += of_a * of_b[v];
    }
    a += a_column;
    b += b_row;
  }
  if (p.row_factors)
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) c[r][v] *= p.row_factors[row + r];
  float* to = p.c + row * p.c_row + column;
  const int64_t c_row = p.c_row;
  if (left < V * kLanes) {
    F32 sums[R * V];  // c itself must not have an address, or it lives in memory
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) sums[r * V + v] = c[r][v];
    return put_part(p, sums, R, V, left, to);
  }
  if (p.add)
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) c[r][v] += load(to + r * c_row + v * kLanes, Full{});
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) store(to + r * c_row + v * kLanes, c[r][v], Full{});
}

/// The tile of `rows` <= R by `vectors` <= V.
template <int R, int V>
static void choose_tile(const Product& p, int64_t row, int64_t column, int64_t rows, int64_t vectors) {
  if constexpr (R > 1)
    if (rows < R) return choose_tile<R - 1, V>(p, row, column, rows, vectors);
  if constexpr (V > 1)
    if (vectors < V) return choose_tile<R, V - 1>(p, row, column, rows, vectors);
  tile<R, V>(p, row, column, p.columns - column);
}

/// Tiles are as even as they can be: 9 rows are 5 and 4, not 8 and 1.
static inline void multiply(const Product& p) {
  const int64_t vectors = (p.columns + kLanes - 1) / kLanes;
  int64_t column_tiles = (vectors + kTileVectors - 1) / kTileVectors;
  for (int64_t v = 0, width; v < vectors; v += width, --column_tiles) {
    width = (vectors - v + column_tiles - 1) / column_tiles;
    int64_t row_tiles = (p.rows + kTileRows - 1) / kTileRows;
    for (int64_t r = 0, height; r < p.rows; r += height, --row_tiles) {
      height = (p.rows - r + row_tiles - 1) / row_tiles;
      choose_tile<kTileRows, kTileVectors>(p, r, v * kLanes, height, width);
    }
  }
}

}  // namespace ortune::ORTUNE_ISA
