// Gradients of Softmax and LogSoftmax along the last axis. The second reading of a row comes from the L1
// cache.
#include "ops/kernels.h"
#include "simd/math.h"

namespace ortune::ORTUNE_ISA {

/// The rows of a chunk.
struct Rows {
  int64_t begin, end;
};
static inline Rows rows_of(int64_t chunk, int64_t rows, int64_t columns) {
  const int64_t begin = chunk * chunk_rows(columns), end = begin + chunk_rows(columns);
  return {begin, end < rows ? end : rows};
}

void softmax_grad(const SoftmaxGrad& a, int64_t chunk) {
  const Rows rows = rows_of(chunk, a.rows, a.columns);
  for (int64_t r = rows.begin; r < rows.end; ++r) {
    const float *dy = a.dy + r * a.columns, *y = a.y + r * a.columns;
    float* dx = a.dx + r * a.columns;
    const float dot =
        sum(a.columns, [&](int64_t i, auto part) { return load(dy + i, part) * load(y + i, part); });
    each(a.columns, [&](int64_t i, auto part) {
      store(dx + i, load(y + i, part) * a.scale * (load(dy + i, part) - dot), part);
    });
  }
}

void log_softmax_grad(const LogSoftmaxGrad& a, int64_t chunk) {
  const Rows rows = rows_of(chunk, a.rows, a.columns);
  for (int64_t r = rows.begin; r < rows.end; ++r) {
    const float *dy = a.dy + r * a.columns, *y = a.y + r * a.columns;
    float* dx = a.dx + r * a.columns;
    const float total = sum(a.columns, [&](int64_t i, auto part) { return load(dy + i, part); });
    each(a.columns, [&](int64_t i, auto part) {
      store(dx + i, load(dy + i, part) - exp(load(y + i, part)) * total, part);
    });
  }
}

}  // namespace ortune::ORTUNE_ISA
