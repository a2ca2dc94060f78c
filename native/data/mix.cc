// See mix.h. In columns of the batch that fit the caches, so that each number comes from memory and goes back
// once; from the last sample to the first, so that the sample before still has its old values.
#include "data/mix.h"

#include "simd/vec.h"

namespace ortune::ORTUNE_ISA {

constexpr int64_t kColumn = 2048;  // floats

void mix(const Mix& a) {
  const float share = a.share, rest = 1 - a.share;
  float last[kColumn];
  for (int64_t begin = 0; begin < a.size; begin += kColumn) {
    const int64_t n = a.size - begin < kColumn ? a.size - begin : kColumn;
    memcpy(last, a.samples + (a.count - 1) * a.size + begin, static_cast<size_t>(n) * sizeof(float));
    for (int64_t b = a.count - 1; b >= 0; --b) {
      float* const own = a.samples + b * a.size + begin;
      const float* const before = b == 0 ? last : own - a.size;
      each(n, [&](int64_t i, auto part) {
        store(own + i, load(own + i, part) * share + load(before + i, part) * rest, part);
      });
    }
  }
}

}  // namespace ortune::ORTUNE_ISA
