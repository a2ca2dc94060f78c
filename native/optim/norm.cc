// The global gradient norm: sums of squares per fixed chunk, in double, added in chunk order. What L1
// penalties add to gradients is added first, as if they were part of the loss.
#include "optim/update.h"
#include "simd/vec.h"

namespace ortune::ORTUNE_ISA {

void gradient_norm(const Update& a, int64_t chunk) {
  const Span span = span_of(a, chunk);
  float* g = a.g + span.begin;
  const float* p = a.p + span.begin;
  const float l1 = l1_of(a, span.range);
  F64 low = {}, high = {};
  each(span.n, [&](int64_t i, auto part) {
    F32 grad = load(g + i, part);
    if (l1 != 0) {
      grad = grad + sign(load(p + i, part)) * l1;
      store(g + i, grad, part);
    }
    const WideF64 x = widen(grad);
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
