// Square tiles of vectors, transposed in registers.
#pragma once

#include "simd/vec.h"

namespace ortune::ORTUNE_ISA {

/// The lanes of a and b in turn, from their first halves (Part 0) or their second halves (Part 1).
template <int Part>
static inline F32 zip(F32 a, F32 b) {
  F32 v;
#if ORTUNE_VECTOR_BYTES == 64
  v = __builtin_shufflevector(a, b, 8 * Part, 16 + 8 * Part, 8 * Part + 1, 17 + 8 * Part, 8 * Part + 2,
                              18 + 8 * Part, 8 * Part + 3, 19 + 8 * Part, 8 * Part + 4, 20 + 8 * Part,
                              8 * Part + 5, 21 + 8 * Part, 8 * Part + 6, 22 + 8 * Part, 8 * Part + 7,
                              23 + 8 * Part);
#elif ORTUNE_VECTOR_BYTES == 32
  v = __builtin_shufflevector(a, b, 4 * Part, 8 + 4 * Part, 4 * Part + 1, 9 + 4 * Part, 4 * Part + 2,
                              10 + 4 * Part, 4 * Part + 3, 11 + 4 * Part);
#else
  v = __builtin_shufflevector(a, b, 2 * Part, 4 + 2 * Part, 2 * Part + 1, 5 + 2 * Part);
#endif
  return v;
}

/// Transposes a tile of kLanes rows in place: log2(kLanes) rounds, each a perfect shuffle of all its
/// elements.
static inline void transpose_tile(F32* rows) {
  F32 other[kLanes];
  F32 *from = rows, *to = other;
  for (int round = 1; round < kLanes; round *= 2) {
    for (int k = 0; k < kLanes / 2; ++k) {
      to[2 * k] = zip<0>(from[k], from[k + kLanes / 2]);
      to[2 * k + 1] = zip<1>(from[k], from[k + kLanes / 2]);
    }
    F32* const last = from;
    from = to;
    to = last;
  }
  if (from != rows) memcpy(rows, from, sizeof other);
}

}  // namespace ortune::ORTUNE_ISA
