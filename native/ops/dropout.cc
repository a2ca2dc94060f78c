// Dropout, forward and backward alike: the mask is a function of (key, id, element), so nothing is stored.
// The generator (design, decision 7) uses only wrapping multiply, add and divide. z (2z + 1) is a permutation
// of the 32-bit numbers whose high bits depend on all lower ones (as in RC6), and z * 65536 + z / 65536 swaps
// the halves: three such rounds show no correlation between neighbours, rows, steps, ids or seeds
// (dropout_test.cc), whereas rounds of z * M + C and z + z / 65536 alone are nearly linear in the element:
// correlations of 0.3. The mask multiplies, so a NaN stays; selecting would also become a masked load, three
// times slower with AVX-512.
#include "ops/dropout_mask.h"

namespace ortune::ORTUNE_ISA {

void dropout(const Dropout& a, int64_t chunk) {
  const int64_t begin = chunk * kChunkElements;
  const int64_t n = a.n - begin < kChunkElements ? a.n - begin : kChunkElements;
  const float* x = a.x + begin;
  float* y = a.y + begin;
  const U32 first = iota() + (a.state + static_cast<uint32_t>(begin));
  each(n, [&](int64_t i, auto part) {
    const F32 mask = dropout_mask(first + static_cast<uint32_t>(i), a.threshold, a.factor);
    store(y + i, load(x + i, part) * mask, part);
  });
}

}  // namespace ortune::ORTUNE_ISA
