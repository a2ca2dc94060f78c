// exp, tanh and the Gaussian tail on vectors, about 2e-7 relative (test/native/math_test.cc). Minimax
// polynomials fitted to 40-digit values; a NaN in gives a NaN out. Not a general libm: only what the kernels
// need.
#pragma once

#include "simd/vec.h"

namespace ortune::ORTUNE_ISA {

constexpr float kInverseSqrt2Pi = 0.3989422804f;

/// e^x for -87.3 <= x <= 88.3. x = n ln 2 + r with |r| <= ln 2 / 2, n found by adding 1.5 * 2^23, whose low
/// mantissa bits then hold n; ln 2 is split so that n * ln2_high is exact.
static inline F32 exp_in_range(F32 x) {
  const F32 shifted = x * 1.442695041f + 12582912.0f;
  const F32 n = shifted - 12582912.0f;
  F32 r = x - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  F32 p = set(0.001381315873f);
  p = p * r + 0.008369411342f;
  p = p * r + 0.04166845605f;
  p = p * r + 0.1666651517f;
  p = p * r + 0.4999999404f;
  p = p * (r * r) + r + 1.0f;
  return p * (F32)(((U32)shifted << 23) + 0x3f800000u);
}

/// e^x, clamped to [e^-87.3, e^88.3] so that no lane is denormal or infinite.
static inline F32 exp(F32 x) { return exp_in_range(at_most(at_least(x, -87.3f), 88.3f)); }

/// 1 / (1 + e^-x)
static inline F32 sigmoid(F32 x) { return 1.0f / (exp(-x) + 1.0f); }

/// tanh x: 1 - 2 / (e^2|x| + 1) with the sign of x, and below 0.625, where that cancels, x + x^3 p(x^2).
/// Source of p: Moshier, Cephes (1989).
static inline F32 tanh(F32 x) {
  const F32 a = abs(x), far = 1.0f - 2.0f / (exp(a + a) + 1.0f);
  const F32 s = x * x;
  F32 p = set(-5.70498872745e-3f);
  p = p * s + 2.06390887954e-2f;
  p = p * s + -5.37397155531e-2f;
  p = p * s + 1.33314422036e-1f;
  p = p * s + -3.33332819422e-1f;
  const F32 near = p * s * x + x;
  return a < set(0.625f) ? near : (F32)((U32)far | ((U32)x & 0x80000000u));
}

/// q(a) = exp(a^2 / 2) * (1 - Phi(a)) = erfcx(a / sqrt 2) / 2 for 0 <= a <= 13.5, Phi being the normal
/// distribution function: a polynomial in 1 / (1 + 0.3 a).
static inline F32 scaled_gaussian_tail(F32 a) {
  const F32 u = 1.0f / (a * 0.3f + 1.0f);
  F32 p = set(0.03833440691f);
  p = p * u + -0.1689526141f;
  p = p * u + 0.2282185253f;
  p = p * u + -0.07600096613f;
  p = p * u + 0.1421859413f;
  p = p * u + 0.09483262897f;
  p = p * u + 0.1218821406f;
  p = p * u + 0.1194930524f;
  p = p * u + 6.853478681e-6f;
  return p;
}

}  // namespace ortune::ORTUNE_ISA
