// Gradient of LayerNormalization. The statistics are recomputed from x rather than kept from the forward
// pass: the row is in the L1 cache anyway. With d = x - mean, g = dy * scale and r = 1 / sqrt(variance +
// epsilon):
//   dx = r (g - mean(g) - d r^2 mean(g d)),  dscale = sum over rows of dy d r,  dbias = sum over rows of dy.
// Four rows at a time share each reading and writing of the two partial sums.
#include "ops/kernels.h"
#include "simd/vec.h"

namespace ortune::ORTUNE_ISA {

struct RowStatistics {
  float mean, r, mean_g, r2_mean_gd;
};

static inline RowStatistics statistics(const LayerNormGrad& a, int64_t row) {
  const float *dy = a.dy + row * a.columns, *x = a.x + row * a.columns;
  const float c = static_cast<float>(a.columns);
  RowStatistics s;
  s.mean = sum(a.columns, [&](int64_t i, auto part) { return load(x + i, part); }) / c;
  float total[3];
  sums<3>(a.columns, total, [&](int64_t i, auto part, F32* t) {
    const F32 d = keep(load(x + i, part) - s.mean, part), g = load(dy + i, part) * load(a.scale + i, part);
    t[0] += d * d;
    t[1] += g;
    t[2] += g * d;
  });
  s.r = 1.0f / __builtin_sqrtf(total[0] / c + a.epsilon);
  s.mean_g = total[1] / c;
  s.r2_mean_gd = s.r * s.r * (total[2] / c);
  return s;
}

template <int R>
static inline void rows_grad(const LayerNormGrad& a, int64_t row, float* dscale, float* dbias) {
  RowStatistics s[R];
  for (int k = 0; k < R; ++k) s[k] = statistics(a, row + k);
  const int64_t at = row * a.columns;
  each(a.columns, [&](int64_t i, auto part) {
    const F32 scale = load(a.scale + i, part);
    F32 scale_sum = {}, bias_sum = {};
    for (int k = 0; k < R; ++k) {
      const int64_t here = at + k * a.columns + i;
      const F32 dy = load(a.dy + here, part), d = load(a.x + here, part) - s[k].mean;
      scale_sum += dy * (d * s[k].r);
      bias_sum += dy;
      if (a.dx) store(a.dx + here, (dy * scale - s[k].mean_g - d * s[k].r2_mean_gd) * s[k].r, part);
    }
    if (!dscale) return;
    store(dscale + i, load(dscale + i, part) + scale_sum, part);
    store(dbias + i, load(dbias + i, part) + bias_sum, part);
  });
}

void layer_norm_grad(const LayerNormGrad& a, int64_t chunk) {
  const int64_t begin = chunk * partial_rows(a.rows);
  const int64_t end = begin + partial_rows(a.rows) < a.rows ? begin + partial_rows(a.rows) : a.rows;
  float* dscale = a.partials ? a.partials + chunk * 2 * a.columns : nullptr;
  float* dbias = dscale ? dscale + a.columns : nullptr;
  if (dscale) memset(dscale, 0, static_cast<size_t>(2 * a.columns) * sizeof(float));
  int64_t row = begin;
  for (; row + 4 <= end; row += 4) rows_grad<4>(a, row, dscale, dbias);
  for (; row < end; ++row) rows_grad<1>(a, row, dscale, dbias);
}

}  // namespace ortune::ORTUNE_ISA
