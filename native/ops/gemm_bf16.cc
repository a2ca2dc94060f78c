// C = A B + bias of operands in bfloat16: see gemm_bf16.h. Two elements of the depth are a pair, of which one
// instruction of AVX512_BF16 multiplies and adds sixteen; it takes denormal numbers for zero. Elsewhere the
// two are widened to float32, the even ones first: their products are exact there, so only the rounding of
// the sums can differ. Rounding is to the nearest, ties to even; what is not finite stays so.
#include "ops/gemm_bf16.h"

#include "simd/transpose.h"

namespace ortune::ORTUNE_ISA {
namespace {

#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kRows = 8, kVectors = 3;
#else
constexpr int kRows = 4, kVectors = 2;
#endif
constexpr int64_t kColumns = kVectors * kLanes;
/// Pairs of the depth that are multiplied at once: a panel of B of this depth stays in the cache.
constexpr int64_t kBlockPairs = 256;
static_assert(kLeftGroup % kRows == 0 && kGemmPanel % kColumns == 0, "packed lines are whole tiles");

int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
uint32_t* aligned(uint32_t* p) { return p + (-reinterpret_cast<uintptr_t>(p) & 63) / 4; }

void store(uint32_t* p, U32 v) { memcpy(p, &v, sizeof v); }
U32 load(const uint32_t* p) {
  U32 v;
  memcpy(&v, p, sizeof v);
  return v;
}

/// Pairs of the lanes of two vectors, and the kLanes values behind each other of one.
typedef uint16_t Halves __attribute__((vector_size(ORTUNE_VECTOR_BYTES / 2)));
#if defined(__AVX512BF16__)
Halves rounded(F32 x) { return (Halves)_mm512_cvtneps_pbh((__m512)x); }
U32 pairs(F32 even, F32 odd) {
  return __builtin_convertvector(rounded(even), U32) | __builtin_convertvector(rounded(odd), U32) << 16;
}
#else
/// The rounded value's bits in the upper half, any in the lower. What is no number stays none.
U32 rounded_bits(F32 x) {
  const U32 bits = (U32)x, up = bits + 0x7fffu + (bits >> 16 & 1u);
  const U32 none = (U32)(x != x);
  return (up & ~none) | ((bits | 0x400000u) & none);
}
Halves rounded(F32 x) { return __builtin_convertvector(rounded_bits(x) >> 16, Halves); }
U32 pairs(F32 even, F32 odd) { return rounded_bits(even) >> 16 | (rounded_bits(odd) & 0xffff0000u); }
#endif

/// Rounds `n` floats that lie behind each other to `to`, and fills up to `pairs` pairs with zeros.
void round_line(const float* from, int64_t n, uint32_t* to, int64_t pairs) {
  char* at = reinterpret_cast<char*>(to);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const Halves halves = rounded(ortune::ORTUNE_ISA::load(from + i, Full{}));
    memcpy(at + 2 * i, &halves, sizeof halves);
  }
  if (i < n) {
    const Halves halves = rounded(ortune::ORTUNE_ISA::load(from + i, Tail{n - i}));
    memcpy(at + 2 * i, &halves, static_cast<size_t>(2 * (n - i)));
  }
  memset(at + 2 * n, 0, static_cast<size_t>(4 * pairs - 2 * n));
}

/// Packs a part of the depth of lines that lie behind each other in memory, `stride` floats from one depth to
/// the next: `width` pairs a panel, panels `panel` apart.
void pack_along_lines(const float* from, int64_t stride, int64_t lines, int64_t begin, int64_t end,
                      int64_t width, uint32_t* to, int64_t panel) {
  to += begin / 2 * width;
  for (int64_t first = 0; first < lines; first += width, to += panel) {
    uint32_t* at = to;
    for (int64_t k = begin; k < end; k += 2, at += width) {
      const float *even = from + k * stride + first, *odd = even + stride;
      const bool both = k + 1 < end;
      for (int64_t i = 0; i < width; i += kLanes) {
        const int64_t left = lines - first - i;
        const auto pair = [&](auto part) {
          return pairs(ortune::ORTUNE_ISA::load(even + i, part),
                       both ? ortune::ORTUNE_ISA::load(odd + i, part) : F32{});
        };
        store(at + i, left >= kLanes ? pair(Full{}) : left > 0 ? pair(Tail{left}) : U32{});
      }
    }
  }
}

/// A panel of B whose columns lie along the depth: rounded column by column, then tiles are transposed.
void pack_along_depth(const Matrix& b, int64_t first, int64_t columns, int64_t depth, uint32_t* to) {
  for (int64_t group = 0; group < kColumns; group += kLanes)
    for (int64_t k = 0; k < depth; k += 2 * kLanes) {
      F32 tile[kLanes];
      for (int64_t i = 0; i < kLanes; ++i) {
        uint32_t line[kLanes];
        const bool real = group + i < columns;
        const float* column = b.data + (real ? (first + group + i) * b.column + k * b.row : 0);
        round_line(column, real ? smaller(2 * kLanes, depth - k) : 0, line, kLanes);
        memcpy(&tile[i], line, sizeof line);
      }
      transpose_tile(tile);
      const int64_t pairs = smaller(kLanes, (depth - k + 1) / 2);
      for (int64_t i = 0; i < pairs; ++i) store(to + (k / 2 + i) * kColumns + group, (U32)tile[i]);
    }
}

/// sums += the products of a pair.
F32 add_products(F32 sums, U32 a, U32 b) {
#if defined(__AVX512BF16__)
  return (F32)_mm512_dpbf16_ps((__m512)sums, (__m512bh)(__m512i)a, (__m512bh)(__m512i)b);
#else
  sums += (F32)(a << 16) * (F32)(b << 16);
  return sums + (F32)(a & 0xffff0000u) * (F32)(b & 0xffff0000u);
#endif
}

/// Packed A and B of a tile, and its place in C.
struct TileOf {
  const uint32_t* a;
  int64_t a_row, a_pair;
  const uint32_t* b;
  int64_t pairs;
  const float* bias;  // null: none; read where C is not added to
  bool add;           // to what is in C
  float* c;
  int64_t c_row;
};

void multiply_tile(const TileOf& t) {
  F32 c[kRows][kVectors];
  float* const to = t.c;
  const int64_t c_row = t.c_row;
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) __builtin_prefetch(to + r * c_row + v * kLanes, 1);
  if (t.add)
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v)
        c[r][v] = ortune::ORTUNE_ISA::load(to + r * c_row + v * kLanes, Full{});
  else
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      const F32 first = t.bias ? ortune::ORTUNE_ISA::load(t.bias + v * kLanes, Full{}) : F32{};
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) c[r][v] = first;
    }
  const uint32_t *a = t.a, *b = t.b;
  const int64_t a_row = t.a_row, a_pair = t.a_pair;
  for (int64_t k = t.pairs; k > 0; --k, a += a_pair, b += kColumns) {
    U32 of_b[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) of_b[v] = load(b + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      uint32_t pair;
      memcpy(&pair, a + r * a_row, sizeof pair);
      const U32 of_a = set(pair);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) c[r][v] = add_products(c[r][v], of_a, of_b[v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v)
      ortune::ORTUNE_ISA::store(to + r * c_row + v * kLanes, c[r][v], Full{});
}

/// A tile of which only some rows and columns exist: computed elsewhere and copied.
void multiply_part(TileOf t, int64_t rows, int64_t columns) {
  float tile[kRows * kColumns] = {}, bias[kColumns] = {};
  float* const to = t.c;
  const int64_t c_row = t.c_row, wide = static_cast<int64_t>(sizeof(float)) * columns;
  if (t.add)
    for (int64_t r = 0; r < rows; ++r) memcpy(tile + r * kColumns, to + r * c_row, static_cast<size_t>(wide));
  if (t.bias) memcpy(bias, t.bias, static_cast<size_t>(wide));
  t.bias = bias;
  t.c = tile;
  t.c_row = kColumns;
  multiply_tile(t);
  for (int64_t r = 0; r < rows; ++r) memcpy(to + r * c_row, tile + r * kColumns, static_cast<size_t>(wide));
}

}  // namespace

void gemm_bf16_pack(const GemmBf16& a, int64_t chunk) {
  const int64_t pairs = depth_pairs(a);
  if (chunk < left_chunks(a)) {
    uint32_t* const to = aligned(a.left);
    if (along_depth(a.a)) {
      const int64_t row_pairs = left_row_pairs(a), end = smaller((chunk + 1) * kPackLines, a.rows);
      for (int64_t row = chunk * kPackLines; row < end; ++row)
        round_line(a.a.data + row * a.a.row, a.depth, to + row * row_pairs, pairs);
    } else {
      const int64_t k = chunk * kPackDepth;
      pack_along_lines(a.a.data, a.a.column, a.rows, k, smaller(k + kPackDepth, a.depth), kLeftGroup, to,
                       kLeftGroup * pairs);
    }
    return;
  }
  chunk -= left_chunks(a);
  uint32_t* const to = aligned(a.right);
  if (along_columns(a.b)) {
    const int64_t k = chunk * kPackDepth;
    pack_along_lines(a.b.data, a.b.row, a.columns, k, smaller(k + kPackDepth, a.depth), kColumns, to,
                     kColumns * pairs);
  } else {
    const int64_t end = smaller((chunk + 1) * kGemmPanel, a.columns);
    for (int64_t column = chunk * kGemmPanel; column < end; column += kColumns)
      pack_along_depth(a.b, column, smaller(kColumns, a.columns - column), a.depth, to + column * pairs);
  }
}

void gemm_bf16(const GemmBf16& a, int64_t chunk) {
  const BlockSize block = block_size(a);
  const int64_t row_blocks = ceil_div(a.rows, block.rows);
  const int64_t row = chunk % row_blocks * block.rows, column = chunk / row_blocks * block.columns;
  const int64_t row_end = smaller(row + block.rows, a.rows),
                column_end = smaller(column + block.columns, a.columns);
  const bool rows_together = along_depth(a.a);
  const int64_t pairs = depth_pairs(a), row_pairs = left_row_pairs(a);
  const uint32_t *const left = aligned(a.left), *const right = aligned(a.right);
  TileOf tile = {};
  tile.a_row = rows_together ? row_pairs : 1;
  tile.a_pair = rows_together ? 1 : kLeftGroup;
  tile.c_row = a.columns;
  int64_t k = 0;
  do {
    tile.pairs = smaller(kBlockPairs, pairs - k);
    tile.add = k > 0;
    for (int64_t j = column; j < column_end; j += kColumns) {
      tile.b = right + j * pairs + k * kColumns;
      tile.bias = a.bias ? a.bias + j : nullptr;
      const int64_t columns = column_end - j;
      for (int64_t i = row; i < row_end; i += kRows) {
        const int64_t group = i / kLeftGroup * kLeftGroup;
        tile.a =
            rows_together ? left + i * row_pairs + k : left + group * pairs + k * kLeftGroup + (i - group);
        tile.c = a.c + i * a.columns + j;
        if (row_end - i >= kRows && columns >= kColumns)
          multiply_tile(tile);
        else
          multiply_part(tile, smaller(kRows, row_end - i), smaller(kColumns, columns));
      }
    }
    k += kBlockPairs;
  } while (k < pairs);
}

}  // namespace ortune::ORTUNE_ISA
