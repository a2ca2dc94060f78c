// Arguments of the matrix product C = A B + bias for matrices larger than the caches. A and B are read at any
// strides, so transposed just as well. Panels of both are packed in the form that the instruction set's
// product takes (gemm_panels.h); cut and order depend on sizes only. Source of the method: Goto and van de
// Geijn, Anatomy of High-Performance Matrix Multiplication (2008).
#pragma once

#include "ops/kernels.h"

namespace ortune {

/// An operand's elements: of row r and column c at data[r * row + c * column]. One of the strides is 1.
struct Matrix {
  const float* data;
  int64_t row, column;
};

/// C [rows, columns] = A [rows, depth] B [depth, columns] + bias.
struct Gemm {
  Matrix a, b;
  float* c;
  int64_t rows, columns, depth;
  const float* bias;  // [columns], or null
  float* packed;      // packed_floats(args): B, by gemm_pack; unused where that is 0
  float* partials;    // partial_floats(args), see gemm_total
  float* scratch;     // scratch_floats(args), of this thread: see set_scratch
};

/// Panels are of so many rows or columns, in every instruction set a whole number of its tiles, and as deep
/// as a multiple of kGemmDepth. A packed element takes at most six bytes.
constexpr int64_t kGemmPanel = 96, kGemmDepth = 32;
static inline int64_t gemm_floats(int64_t lines, int64_t depth) {
  return ceil_div(lines, kGemmPanel) * kGemmPanel * ceil_div(depth, kGemmDepth) * kGemmDepth * 3 / 2;
}

/// Many rows share B, which is packed once beforehand then, unless that took much memory.
static inline bool shares_b(const Gemm& a) {
  return a.rows > 6 * kGemmPanel && a.columns * a.depth <= int64_t{1} << 22;
}

/// What one chunk multiplies: rows and columns of C, and the depth in blocks that fit the cache packed.
static inline int64_t gemm_rows(const Gemm& a) {
  const int64_t most = shares_b(a) ? (a.columns * a.depth > (1 << 18) ? 2 : 1) * kGemmPanel : 4 * kGemmPanel;
  const int64_t rows = at_least_one(a.rows);
  return ceil_div(ceil_div(rows, ceil_div(rows, most)), kGemmPanel / 3) * (kGemmPanel / 3);
}
static inline int64_t gemm_columns(const Gemm& a) {
  const int64_t most = (shares_b(a) ? 12 : 4) * kGemmPanel;
  const int64_t columns = at_least_one(a.columns);
  return ceil_div(ceil_div(columns, ceil_div(columns, most)), kGemmPanel) * kGemmPanel;
}
static inline int64_t gemm_depth(const Gemm& a) {
  const int64_t most = 128;
  const int64_t depth = at_least_one(a.depth);
  return ceil_div(ceil_div(depth, ceil_div(depth, most)), kGemmDepth) * kGemmDepth;
}
static inline int64_t gemm_tiles(const Gemm& a) {
  return ceil_div(a.rows, gemm_rows(a)) * ceil_div(a.columns, gemm_columns(a));
}
static inline int64_t depth_blocks(const Gemm& a) { return ceil_div(a.depth, gemm_depth(a)); }
/// Parts of the depth that are added up by gemm_total: few tiles are too few chunks.
static inline int64_t splits(const Gemm& a) {
  const int64_t wanted = ceil_div(12, at_least_one(gemm_tiles(a))), most = depth_blocks(a) / 2;
  return shares_b(a) ? 1 : at_least_one(wanted < most ? wanted : most);
}
static inline int64_t chunks(const Gemm& a) { return gemm_tiles(a) * splits(a); }
static inline int64_t partial_floats(const Gemm& a) {
  return splits(a) == 1 ? 0 : splits(a) * a.rows * a.columns;
}
/// The sums of a chunk until they are complete.
static inline int64_t gemm_sums(const Gemm& a) {
  return (gemm_rows(a) + kGemmPanel) * (gemm_columns(a) + kGemmPanel);
}
static inline int64_t scratch_floats(const Gemm& a) {
  const int64_t right = shares_b(a) ? 0 : gemm_floats(gemm_columns(a), gemm_depth(a));
  return gemm_sums(a) + gemm_floats(gemm_rows(a), gemm_depth(a)) + right + 16;
}
static inline void set_scratch(Gemm& a, float* scratch) { a.scratch = scratch; }

/// gemm_pack: a chunk is a panel of B in one block of the depth.
static inline int64_t gemm_panels(const Gemm& a) { return ceil_div(a.columns, kGemmPanel); }
static inline int64_t pack_chunks(const Gemm& a) {
  return shares_b(a) ? gemm_panels(a) * depth_blocks(a) : 0;
}
static inline int64_t packed_floats(const Gemm& a) {
  return shares_b(a) ? depth_blocks(a) * gemm_floats(a.columns, gemm_depth(a)) + 16 : 0;
}
/// gemm_total: C is the sum of the partials, a chunk a range of its elements.
static inline int64_t total_chunks(const Gemm& a) {
  return splits(a) == 1 ? 0 : ceil_div(a.rows * a.columns, kChunkElements);
}

}  // namespace ortune
