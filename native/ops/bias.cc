// Sums over rows: the bias gradient, and the second half of every kernel that leaves one partial sum a chunk.
#include "ops/kernels.h"
#include "simd/vec.h"

namespace ortune::ORTUNE_ISA {

/// partial += the sum of R consecutive rows, added as a tree.
template <int R>
static inline void add_rows(const float* dy, int64_t columns, float* partial) {
  each(columns, [&](int64_t i, auto part) {
    F32 rows[R];
    for (int k = 0; k < R; ++k) rows[k] = load(dy + k * columns + i, part);
    for (int width = R / 2; width > 0; width /= 2)
      for (int k = 0; k < width; ++k) rows[k] += rows[k + width];
    store(partial + i, load(partial + i, part) + rows[0], part);
  });
}

void bias_grad(const BiasGrad& a, int64_t chunk) {
  const int64_t begin = chunk * partial_rows(a.rows);
  const int64_t end = begin + partial_rows(a.rows) < a.rows ? begin + partial_rows(a.rows) : a.rows;
  float* partial = a.partials + chunk * a.columns;
  memset(partial, 0, static_cast<size_t>(a.columns) * sizeof(float));
  int64_t row = begin;
  for (; row + 8 <= end; row += 8) add_rows<8>(a.dy + row * a.columns, a.columns, partial);
  for (; row < end; ++row) add_rows<1>(a.dy + row * a.columns, a.columns, partial);
}

void add_partials(const AddPartials& a, int64_t chunk) {
  const int64_t begin = chunk * 16 * kColumnBlock;
  const int64_t n = a.columns - begin < 16 * kColumnBlock ? a.columns - begin : 16 * kColumnBlock;
  each(n, [&](int64_t i, auto part) {
    WideF64 total = {};
    for (int64_t k = 0; k < a.count; ++k) {
      const WideF64 term = widen(load(a.partials + k * a.stride + begin + i, part));
      total.low += term.low;
      total.high += term.high;
    }
    store(a.out + begin + i, narrow(total), part);
  });
}

}  // namespace ortune::ORTUNE_ISA
