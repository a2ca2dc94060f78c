// Normalisation by the root mean square, and its gradient. The root is recomputed from x rather than kept:
// the row is in the L1 cache anyway. With g = dy * scale and r = 1 / sqrt(mean(x^2) + epsilon):
//   dx = r (g - x r^2 mean(g x)),  dscale = sum over rows of dy x r.
// Four rows at a time share each reading and writing of the partial sum. Source: Zhang and Sennrich, Root
// Mean Square Layer Normalization (2019).
#include "ops/kernels.h"
#include "simd/vec.h"

namespace ortune::ORTUNE_ISA {

void rms_norm(const RmsNorm& a, int64_t chunk) {
  const int64_t height = chunk_rows(a.columns), begin = chunk * height;
  const int64_t end = begin + height < a.rows ? begin + height : a.rows;
  for (int64_t row = begin; row < end; ++row) {
    const float* x = a.x + row * a.columns;
    float* y = a.y + row * a.columns;
    const float squares = sum(a.columns, [&](int64_t i, auto part) {
      const F32 v = load(x + i, part);
      return v * v;
    });
    const float r = 1.0f / __builtin_sqrtf(squares / static_cast<float>(a.columns) + a.epsilon);
    each(a.columns,
         [&](int64_t i, auto part) { store(y + i, load(x + i, part) * r * load(a.scale + i, part), part); });
  }
}

template <int R>
static inline void rms_rows_grad(const RmsNormGrad& a, int64_t row, float* dscale) {
  float r[R], slope[R];
  const float c = static_cast<float>(a.columns);
  for (int k = 0; k < R; ++k) {
    const float *dy = a.dy + (row + k) * a.columns, *x = a.x + (row + k) * a.columns;
    float total[2];
    sums<2>(a.columns, total, [&](int64_t i, auto part, F32* t) {
      const F32 v = load(x + i, part);
      t[0] += v * v;
      t[1] += load(dy + i, part) * load(a.scale + i, part) * v;
    });
    r[k] = 1.0f / __builtin_sqrtf(total[0] / c + a.epsilon);
    slope[k] = r[k] * r[k] * (total[1] / c);
  }
  each(a.columns, [&](int64_t i, auto part) {
    const F32 scale = load(a.scale + i, part);
    F32 scale_sum = {};
    for (int k = 0; k < R; ++k) {
      const int64_t here = (row + k) * a.columns + i;
      const F32 dy = load(a.dy + here, part), x = load(a.x + here, part);
      scale_sum += dy * (x * r[k]);
      if (a.dx) store(a.dx + here, (dy * scale - x * slope[k]) * r[k], part);
    }
    if (dscale) store(dscale + i, load(dscale + i, part) + scale_sum, part);
  });
}

void rms_norm_grad(const RmsNormGrad& a, int64_t chunk) {
  const int64_t height = partial_rows(a.rows), begin = chunk * height;
  const int64_t end = begin + height < a.rows ? begin + height : a.rows;
  float* dscale = a.partials ? a.partials + chunk * a.columns : nullptr;
  if (dscale) memset(dscale, 0, static_cast<size_t>(a.columns) * sizeof(float));
  int64_t row = begin;
  for (; row + 4 <= end; row += 4) rms_rows_grad<4>(a, row, dscale);
  for (; row < end; ++row) rms_rows_grad<1>(a, row, dscale);
}

}  // namespace ortune::ORTUNE_ISA
