// C = A B + bias, block by block: see gemm.h. A chunk packs its rows of A, and its columns of B unless gemm_pack
// has done so for all, and multiplies panel by panel while both are in the cache. Every element of C is a sum
// in the order of the depth, in parts that depend on sizes only. Not for products that fit the cache as they
// are: gemm_tile.h.
#include "ops/gemm.h"

#include "ops/gemm_panels.h"

namespace ortune::ORTUNE_ISA {
namespace {

int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
float* aligned(float* p) { return p + (-reinterpret_cast<uintptr_t>(p) & 63) / 4; }

/// Packs `lines` lines as panels behind each other.
template <bool Left>
void pack(const Lines& from, int64_t lines, int64_t depth, float* to) {
  constexpr int64_t all = Left ? kLeftLines : kRightLines;
  for (int64_t first = 0; first < lines; first += all, to += panel_floats(all, depth))
    pack_panel<Left>({from.data + first * from.line, from.line, from.depth}, lines - first, depth, to);
}

/// One panel of rows by one of columns. `start` begins the sums, see multiply_panels; of a row that is the
/// same for all, start_row is 0.
void product(const float* left, const float* right, int64_t depth, const float* start, int64_t start_row,
             float* to, int64_t to_row, int64_t rows, int64_t columns) {
  if (rows >= kLeftLines && columns >= kRightLines)
    return multiply_panels(left, right, depth, start, start_row, to, to_row);
  alignas(64) float part[kLeftLines * kRightLines];
  const int64_t height = smaller(rows, kLeftLines), width = smaller(columns, kRightLines);
  for (float& x : part) x = 0;
  if (start)
    for (int64_t r = 0; r < height; ++r)
      memcpy(part + r * kRightLines, start + r * start_row, static_cast<size_t>(width) * sizeof(float));
  multiply_panels(left, right, depth, part, kRightLines, part, kRightLines);
  for (int64_t r = 0; r < height; ++r)
    memcpy(to + r * to_row, part + r * kRightLines, static_cast<size_t>(width) * sizeof(float));
}

}  // namespace

void gemm_pack(const Gemm& a, int64_t chunk) {
  const int64_t block = chunk / gemm_panels(a), first = chunk % gemm_panels(a) * kGemmPanel;
  const int64_t deep = gemm_depth(a), k = block * deep, depth = smaller(deep, a.depth - k);
  float* to = aligned(a.packed) + block * gemm_floats(a.columns, deep) + gemm_floats(first, deep);
  pack<false>({a.b.data + k * a.b.row + first * a.b.column, a.b.column, a.b.row},
              smaller(kGemmPanel, a.columns - first), depth, to);
}

void gemm(const Gemm& a, int64_t chunk) {
  const int64_t row_blocks = ceil_div(a.rows, gemm_rows(a)), tiles = gemm_tiles(a), split = chunk / tiles;
  const int64_t row = chunk % row_blocks * gemm_rows(a), column = chunk % tiles / row_blocks * gemm_columns(a);
  const int64_t rows = smaller(gemm_rows(a), a.rows - row),
                columns = smaller(gemm_columns(a), a.columns - column);
  const int64_t deep = gemm_depth(a), blocks = depth_blocks(a);
  const int64_t begin = blocks * split / splits(a), end = blocks * (split + 1) / splits(a);
  float* const c = (splits(a) == 1 ? a.c : a.partials + split * a.rows * a.columns) + row * a.columns + column;
  const Tiles tiles_in_use;
  float* const left = aligned(a.scratch);
  float* const own = left + gemm_floats(gemm_rows(a), deep);
  for (int64_t block = begin; block < end; ++block) {
    const int64_t k = block * deep, depth = smaller(deep, a.depth - k);
    pack<true>({a.a.data + row * a.a.row + k * a.a.column, a.a.row, a.a.column}, rows, depth, left);
    const float* right = own;
    if (shares_b(a))
      right = aligned(a.packed) + block * gemm_floats(a.columns, deep) + gemm_floats(column, deep);
    else
      pack<false>({a.b.data + k * a.b.row + column * a.b.column, a.b.column, a.b.row}, columns, depth, own);
    const float* const bias = a.bias && block == 0 ? a.bias + column : nullptr;
    for (int64_t j = 0; j < columns; j += kRightLines) {
      const float* panel = right + gemm_floats(j / kGemmPanel * kGemmPanel, deep) +
                           panel_floats(j % kGemmPanel, depth);
      if (!shares_b(a)) panel = right + panel_floats(j, depth);
      for (int64_t i = 0; i < rows; i += kLeftLines) {
        float* to = c + i * a.columns + j;
        const float* start = block > begin ? to : bias ? bias + j : nullptr;
        product(left + panel_floats(i, depth), panel, depth, start, block > begin ? a.columns : 0, to, a.columns,
                rows - i, columns - j);
      }
    }
  }
  if (a.depth == 0)
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j) c[i * a.columns + j] = a.bias ? a.bias[column + j] : 0;
}

void gemm_total(const Gemm& a, int64_t chunk) {
  const int64_t size = a.rows * a.columns, first = chunk * kChunkElements;
  const float* from = a.partials + first;
  float* const to = a.c + first;
  each(smaller(kChunkElements, size - first), [&](int64_t i, auto part) {
    F32 sum = load(from + i, part);
    for (int64_t s = 1; s < splits(a); ++s) sum += load(from + s * size + i, part);
    store(to + i, sum, part);
  });
}

}  // namespace ortune::ORTUNE_ISA
