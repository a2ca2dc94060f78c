// Activations and their slopes on vectors, for kernels that apply one to what they have in registers. Slopes
// are those of PyTorch: 0 for ReLU at 0, 0 for ReLU6 at 0 and 6, HardSwish's from -3 to 3 is z / 3 + 1/2.
#pragma once

#include "ops/kernels.h"
#include "simd/math.h"

namespace ortune::ORTUNE_ISA {

struct None {
  static F32 value(F32 z) { return z; }
  static F32 slope(F32) { return set(1.0f); }
};
struct Relu {
  static F32 value(F32 z) { return at_least(z, 0.0f); }
  static F32 slope(F32 z) { return z > F32{} ? set(1.0f) : F32{}; }
};
struct Relu6 {
  static F32 value(F32 z) { return at_most(at_least(z, 0.0f), 6.0f); }
  static F32 slope(F32 z) { return z > F32{} ? (z < set(6.0f) ? set(1.0f) : F32{}) : F32{}; }
};
struct HardSigmoid {
  static F32 value(F32 z) { return at_most(at_least(z * (1.0f / 6) + 0.5f, 0.0f), 1.0f); }
  static F32 slope(F32 z) { return abs(z) < set(3.0f) ? set(1.0f / 6) : F32{}; }
};
struct HardSwish {
  static F32 value(F32 z) { return z * HardSigmoid::value(z); }
  static F32 slope(F32 z) {
    const F32 inside = z * (1.0f / 3) + 0.5f, outside = z > F32{} ? set(1.0f) : F32{};
    return abs(z) < set(3.0f) ? inside : outside;
  }
};
struct Swish {
  static F32 sigmoid(F32 z) { return 1.0f / (exp(-z) + 1.0f); }
  static F32 value(F32 z) { return z * sigmoid(z); }
  static F32 slope(F32 z) {
    const F32 s = sigmoid(z);
    return s * (z * (1.0f - s) + 1.0f);
  }
};

/// Calls f with the activation's type.
template <class F>
static inline void with_activation(Activation kind, F f) {
  switch (kind) {
    case Activation::kNone:
      return f(None{});
    case Activation::kRelu:
      return f(Relu{});
    case Activation::kRelu6:
      return f(Relu6{});
    case Activation::kHardSigmoid:
      return f(HardSigmoid{});
    case Activation::kHardSwish:
      return f(HardSwish{});
    case Activation::kSwish:
      return f(Swish{});
  }
}

}  // namespace ortune::ORTUNE_ISA
