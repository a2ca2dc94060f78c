// Arguments of the matrix product C = A B + bias whose operands are rounded to bfloat16 and whose sums are
// float32. Both operands are first packed as pairs of bfloat16 that lie behind each other along the depth,
// which halves their memory and is what the processor multiplies where it has AVX512_BF16; elsewhere the
// pairs are widened again (gemm_bf16.cc). A and B are read at any strides, so transposed just as well. Every
// element of C is one chain of sums in the order of the depth, whatever the blocks.
#pragma once

#include "ops/gemm.h"

namespace ortune {

/// C [rows, columns] = A [rows, depth] B [depth, columns] + bias.
struct GemmBf16 {
  Matrix a, b;
  float* c;
  int64_t rows, columns, depth;
  const float* bias;  // [columns], or null
  uint32_t* left;     // left_pairs(args), by gemm_bf16_pack as right
  uint32_t* right;    // right_pairs(args)
};

static inline int64_t depth_pairs(const GemmBf16& a) { return ceil_div(a.depth, 2); }

/// A's rows lie in groups that are a whole number of every instruction set's tiles. Where A is read along its
/// rows a row stays together, an odd number of cache lines long: rows of a tile would else share the few
/// places of the cache. Where A is read along its columns a pair of all rows of the group does.
constexpr int64_t kLeftGroup = 16;
static inline bool along_depth(const Matrix& left) { return left.column == 1; }
static inline int64_t left_row_pairs(const GemmBf16& a) {
  return along_depth(a.a) ? ceil_div(depth_pairs(a), kLeftGroup) / 2 * 2 * kLeftGroup + kLeftGroup
                          : depth_pairs(a);
}
static inline int64_t left_pairs(const GemmBf16& a) {
  return ceil_div(a.rows, kLeftGroup) * kLeftGroup * left_row_pairs(a) + kLeftGroup;
}
/// B's columns lie in panels of an instruction set's tile, [pair][column].
static inline int64_t right_pairs(const GemmBf16& a) {
  return ceil_div(a.columns, kGemmPanel) * kGemmPanel * depth_pairs(a) + kLeftGroup;
}

/// gemm_bf16_pack: a chunk is so many lines of an operand along whose depth memory lies, or so much of the
/// depth of all lines.
constexpr int64_t kPackLines = 48, kPackDepth = 32;
static inline int64_t left_chunks(const GemmBf16& a) {
  return along_depth(a.a) ? ceil_div(a.rows, kPackLines) : ceil_div(a.depth, kPackDepth);
}
static inline bool along_columns(const Matrix& right) { return right.column == 1; }
static inline int64_t right_chunks(const GemmBf16& a) {
  return along_columns(a.b) ? ceil_div(a.depth, kPackDepth) : ceil_div(a.columns, kGemmPanel);
}
static inline int64_t pack_chunks(const GemmBf16& a) { return left_chunks(a) + right_chunks(a); }

/// gemm_bf16: a chunk is a block of C, small enough that there are some for every thread.
struct BlockSize {
  int64_t rows, columns;
};
static inline BlockSize block_size(const GemmBf16& a) {
  constexpr int64_t kFewest = 16;
  BlockSize size = {128, 4 * kGemmPanel};
  const auto count = [&] { return ceil_div(a.rows, size.rows) * ceil_div(a.columns, size.columns); };
  while (count() < kFewest && size.rows > 32) size.rows /= 2;
  while (count() < kFewest && size.columns > kGemmPanel) size.columns /= 2;
  return size;
}
static inline int64_t chunks(const GemmBf16& a) {
  const BlockSize size = block_size(a);
  return ceil_div(a.rows, size.rows) * ceil_div(a.columns, size.columns);
}

}  // namespace ortune
