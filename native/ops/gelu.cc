// GELU after a bias, and gradients of GELU with and without one. Memory-bound by design: one exp and one or
// two divisions an element.
#include "ops/kernels.h"
#include "simd/math.h"

namespace ortune::ORTUNE_ISA {

/// gelu(x) = x Phi(x), with Phi(-a) = e q(a) as below.
static inline F32 gelu_erf(F32 x) {
  const F32 a = at_most(abs(x), 13.2f);
  const F32 tail = exp_in_range(a * a * -0.5f) * scaled_gaussian_tail(a);
  return x * (x < 0.0f ? tail : 1.0f - tail);
}

/// gelu(x) = x s(2u), see slope_tanh.
static inline F32 gelu_tanh(F32 x) {
  const F32 u = (x * x * 0.044715f + 1.0f) * x * 0.7978845608f;
  const F32 e = exp_in_range(at_least(abs(u) * -2.0f, -87.3f));
  const F32 large = 1.0f / (e + 1.0f);
  return x * (x < 0.0f ? e * large : large);
}

/// gelu'(x) = Phi(x) + x phi(x). With a = |x| and e = exp(-a^2 / 2), Phi(-a) = e q(a) (scaled_gaussian_tail)
/// and phi(a) = e / sqrt(2 pi), so gelu'(-a) = e (q(a) - a / sqrt(2 pi)); and gelu'(a) = 1 - gelu'(-a).
/// Beyond 13.2 the tail is below float32's smallest normal number.
static inline F32 slope_erf(F32 x) {
  const F32 a = at_most(abs(x), 13.2f);
  const F32 left = exp_in_range(a * a * -0.5f) * (scaled_gaussian_tail(a) - a * kInverseSqrt2Pi);
  return x < 0.0f ? left : 1.0f - left;
}

/// gelu(x) = x s(2u), with s the logistic function and u = sqrt(2 / pi) (x + 0.044715 x^3):
/// gelu'(x) = s + 2 x s (1 - s) du/dx. With e = exp(-2 |u|), s(2 |u|) = 1 / (1 + e) and 1 - s = e / (1 + e),
/// free of cancellation.
static inline F32 slope_tanh(F32 x) {
  const float c = 0.7978845608f, k = 0.044715f;
  const F32 x2 = x * x;
  const F32 u = (x2 * k + 1.0f) * x * c;
  const F32 e = exp_in_range(at_least(abs(u) * -2.0f, -87.3f));
  const F32 large = 1.0f / (e + 1.0f), small = e * large;
  const F32 du = x2 * (3 * k * c) + c;
  return (x < 0.0f ? small : large) + x * 2.0f * (small * large) * du;
}

void gelu_grad(const GeluGrad& a, int64_t chunk) {
  const int64_t begin = chunk * kChunkElements;
  const int64_t n = a.n - begin < kChunkElements ? a.n - begin : kChunkElements;
  const float *dy = a.dy + begin, *x = a.x + begin;
  float* dx = a.dx + begin;
  if (a.tanh)
    each(n, [&](int64_t i, auto part) {
      store(dx + i, load(dy + i, part) * slope_tanh(load(x + i, part)), part);
    });
  else
    each(n, [&](int64_t i, auto part) {
      store(dx + i, load(dy + i, part) * slope_erf(load(x + i, part)), part);
    });
}

void bias_gelu(const BiasGelu& a, int64_t chunk) {
  const int64_t height = chunk_rows(a.columns), begin = chunk * height;
  const int64_t end = begin + height < a.rows ? begin + height : a.rows;
  for (int64_t row = begin; row < end; ++row) {
    const float* x = a.x + row * a.columns;
    float* y = a.y + row * a.columns;
    if (a.tanh)
      each(a.columns, [&](int64_t i, auto part) {
        store(y + i, gelu_tanh(load(x + i, part) + load(a.bias + i, part)), part);
      });
    else
      each(a.columns, [&](int64_t i, auto part) {
        store(y + i, gelu_erf(load(x + i, part) + load(a.bias + i, part)), part);
      });
  }
}

/// R rows at a time share each reading and writing of the partial sum.
template <int R, class Slope>
static inline void bias_gelu_rows(const BiasGeluGrad& a, int64_t row, float* partial, Slope slope) {
  const int64_t at = row * a.columns;
  each(a.columns, [&](int64_t i, auto part) {
    const F32 bias = load(a.bias + i, part);
    F32 total = {};
    for (int k = 0; k < R; ++k) {
      const int64_t here = at + k * a.columns + i;
      const F32 dx = load(a.dy + here, part) * slope(load(a.x + here, part) + bias);
      store(a.dx + here, dx, part);
      total += dx;
    }
    store(partial + i, load(partial + i, part) + total, part);
  });
}

template <class Slope>
static inline void bias_gelu_grad_by(const BiasGeluGrad& a, int64_t chunk, Slope slope) {
  const int64_t height = partial_rows(a.rows), begin = chunk * height;
  const int64_t end = begin + height < a.rows ? begin + height : a.rows;
  float* partial = a.partials + chunk * a.columns;
  memset(partial, 0, static_cast<size_t>(a.columns) * sizeof(float));
  int64_t row = begin;
  for (; row + 4 <= end; row += 4) bias_gelu_rows<4>(a, row, partial, slope);
  for (; row < end; ++row) bias_gelu_rows<1>(a, row, partial, slope);
}

void bias_gelu_grad(const BiasGeluGrad& a, int64_t chunk) {
  if (a.tanh)
    bias_gelu_grad_by(a, chunk, [](F32 x) { return slope_tanh(x); });
  else
    bias_gelu_grad_by(a, chunk, [](F32 x) { return slope_erf(x); });
}

}  // namespace ortune::ORTUNE_ISA
