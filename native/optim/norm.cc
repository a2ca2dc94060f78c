// The global gradient norm: sums of squares per fixed chunk, in double, added in chunk order.
#include "optim/update.h"
#include "simd/vec.h"

namespace ortune::ORTUNE_ISA {

void gradient_norm(const Update& a, int64_t chunk) {
  const Span span = span_of(a, chunk);
  const float* g = a.g + span.begin;
  F64 low = {}, high = {};
  each(span.n, [&](int64_t i, auto part) {
    const WideF64 x = widen(load(g + i, part));
    low += x.low * x.low;
    high += x.high * x.high;
  });
  a.squares[chunk] = add_lanes(low + high);
}

void gradient_norm_total(const Update& a, int64_t) {
  double total = 0;
  for (int64_t chunk = 0; chunk < chunks(a); ++chunk) total += a.squares[chunk];
  *a.norm = static_cast<float>(__builtin_sqrt(total));
}

}  // namespace ortune::ORTUNE_ISA
