// C = A B + bias, block by block: see gemm.h. A chunk packs its rows of A, and its columns of B unless
// gemm_pack has done so for all, and multiplies panel by panel while both are in the cache. Every element of
// C is a sum in the order of the depth, in parts that depend on sizes only. Not for products that fit the
// cache as they are: gemm_tile.h.
#include "ops/gemm.h"

#include "ops/gemm_panels.h"

namespace ortune::ORTUNE_ISA {
namespace {

int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/// Packs `lines` lines as panels behind each other.
template <bool Left>
void pack(const Strided& from, int64_t lines, int64_t depth, float* to) {
  constexpr int64_t all = Left ? kLeftLines : kRightLines;
  for (int64_t first = 0; first < lines; first += all, to += panel_floats(all, depth))
    pack_panel<Left>(Strided{from.data + first * from.line, from.line, from.depth}, lines - first, depth, to);
}

/// A product of two panels on its way to C.
struct Result {
  const float* sums;
  const float* bias;  // of the first column, or null
  float* to;
  int64_t to_row, rows, columns;  // of C from here on
};

/// C's memory is fetched while the panels are multiplied.
void expect(const Result& r) {
  for (int64_t i = 0; i < smaller(r.rows, kLeftLines); ++i)
    for (int64_t j = 0; j < smaller(r.columns, kRightLines); j += 16)
      __builtin_prefetch(r.to + i * r.to_row + j, 1);
}

void put(const Result& r) {
  each(smaller(r.columns, kRightLines), [&](int64_t j, auto part) {
    const F32 of_column = r.bias ? load(r.bias + j, part) : F32{};
    for (int64_t i = 0; i < smaller(r.rows, kLeftLines); ++i)
      store(r.to + i * r.to_row + j, load(r.sums + i * kRightLines + j, Full{}) + of_column, part);
  });
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
  const int64_t row = chunk % row_blocks * gemm_rows(a),
                column = chunk % tiles / row_blocks * gemm_columns(a);
  const int64_t rows = smaller(gemm_rows(a), a.rows - row),
                columns = smaller(gemm_columns(a), a.columns - column);
  const int64_t deep = gemm_depth(a), blocks = depth_blocks(a);
  const int64_t begin = blocks * split / splits(a), end = blocks * (split + 1) / splits(a);
  float* const c =
      (splits(a) == 1 ? a.c : a.partials + split * a.rows * a.columns) + row * a.columns + column;
  const Tiles tiles_in_use;
  float* const sums = aligned(a.scratch);
  float* const left = sums + gemm_sums(a);
  float* const own = left + gemm_floats(gemm_rows(a), deep);
  const float* const bias = a.bias && split == 0 ? a.bias + column : nullptr;
  for (int64_t block = begin; block < end; ++block) {
    const int64_t k = block * deep, depth = smaller(deep, a.depth - k);
    pack<true>({a.a.data + row * a.a.row + k * a.a.column, a.a.row, a.a.column}, rows, depth, left);
    const float* right = own;
    if (shares_b(a))
      right = aligned(a.packed) + block * gemm_floats(a.columns, deep) + gemm_floats(column, deep);
    else
      pack<false>({a.b.data + k * a.b.row + column * a.b.column, a.b.column, a.b.row}, columns, depth, own);
    const bool last = block + 1 == end;
    // The sums of a product are there some time after it was asked for, so the one before is put away
    // meanwhile.
    Result before = {};
    int64_t index = 0;
    for (int64_t j = 0; j < columns; j += kRightLines) {
      const float* panel =
          right + gemm_floats(j / kGemmPanel * kGemmPanel, deep) + panel_floats(j % kGemmPanel, depth);
      if (!shares_b(a)) panel = right + panel_floats(j, depth);
      for (int64_t i = 0; i < rows; i += kLeftLines, ++index) {
        float* const tile = sums + (end - begin > 1 ? index : index % 2) * (kLeftLines * kRightLines);
        const Result result = {
            tile, bias ? bias + j : nullptr, c + i * a.columns + j, a.columns, rows - i, columns - j};
        if (last) expect(result);
        multiply_panels(left + panel_floats(i, depth), panel, depth, tile, block > begin);
        if (last && index > 0) put(before);
        before = result;
      }
    }
    if (last) put(before);
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
