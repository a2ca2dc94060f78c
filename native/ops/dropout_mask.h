// The dropout generator on vectors, shared by the kernels that drop elements; dropout.cc says why it is so.
#pragma once

#include "ops/kernels.h"
#include "simd/vec.h"

namespace ortune::ORTUNE_ISA {

static inline U32 swap_halves(U32 z) { return (z << 16) + (z >> 16); }

/// The factor of each element: 0 where it is dropped. `element` is its flat index plus the state.
static inline F32 dropout_mask(U32 element, uint32_t threshold, float factor) {
  U32 z = element * 0x9e3779b1u;
  z = swap_halves(z * (z + z + 1u));
  z = swap_halves(z * (z + z + 1u) + 0x7feb352du);
  z = z * (z + z + 1u) + 0x846ca68bu;
  return z >= set(threshold) ? set(factor) : F32{};
}

}  // namespace ortune::ORTUNE_ISA
