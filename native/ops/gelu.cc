// Gradient of GELU. Memory-bound by design: one exp and one division an element.
#include "ops/kernels.h"
#include "simd/math.h"

namespace ortune::ORTUNE_ISA {

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

}  // namespace ortune::ORTUNE_ISA
