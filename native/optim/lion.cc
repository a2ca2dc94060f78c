// Lion (Chen et al., 2023): the sign of an average of momentum and gradient, with decoupled weight decay.
#include "optim/update.h"
#include "simd/vec.h"

namespace ortune::ORTUNE_ISA {

void lion(const Update& a, int64_t chunk) {
  if (!is_finite(*a.norm)) return;
  const Span span = span_of(a, chunk);
  const LionNumbers of = numbers_of<LionNumbers>(a, span.range);
  const float rate = of.rate, beta1 = of.beta1, beta2 = of.beta2, keep_p = 1.0f - of.rate * of.decay,
              clip = clip_factor(a);
  const float* g = a.g + span.begin;
  float *p = a.p + span.begin, *m = a.first + span.begin;
  each(span.n, [&](int64_t i, auto part) {
    const F32 grad = load(g + i, part) * clip, mean = load(m + i, part);
    const F32 change = sign(mean * beta1 + grad * (1.0f - beta1));
    store(m + i, mean * beta2 + grad * (1.0f - beta2), part);
    store(p + i, load(p + i, part) * keep_p - change * rate, part);
  });
}

}  // namespace ortune::ORTUNE_ISA
