// Transpose of a matrix, in square tiles of vectors held in registers: reading and writing are whole vectors.
#include "simd/transpose.h"

#include "ops/kernels.h"

namespace ortune::ORTUNE_ISA {

void transpose(const Transpose& a, int64_t chunk) {
  const int64_t begin = chunk * kTransposeColumns;
  const int64_t end = begin + kTransposeColumns < a.columns ? begin + kTransposeColumns : a.columns;
  each(a.rows, [&](int64_t row, auto rows) {
    int64_t column = begin;
    const bool whole = row + kLanes <= a.rows;
    for (; whole && column + kLanes <= end; column += kLanes) {
      F32 tile[kLanes];
      for (int k = 0; k < kLanes; ++k) tile[k] = load(a.x + (row + k) * a.columns + column, Full{});
      transpose_tile(tile);
      for (int k = 0; k < kLanes; ++k) store(a.y + (column + k) * a.rows + row, tile[k], Full{});
    }
    const int64_t height = whole ? kLanes : a.rows - row;
    for (; column < end; ++column)
      for (int64_t k = 0; k < height; ++k)
        a.y[column * a.rows + row + k] = a.x[(row + k) * a.columns + column];
    (void)rows;
  });
}

}  // namespace ortune::ORTUNE_ISA
