// RMSprop, as torch.optim.RMSprop without centering: weight decay is added to the gradient, epsilon to the
// root.
#include "optim/update.h"
#include "simd/vec.h"

namespace ortune::ORTUNE_ISA {

void rmsprop(const Update& a, int64_t chunk) {
  if (!is_finite(*a.norm)) return;
  const Span span = span_of(a, chunk);
  const RMSpropNumbers of = numbers_of<RMSpropNumbers>(a, span.range);
  const float rate = of.rate, alpha = of.alpha, eps = of.epsilon, momentum = of.momentum, decay = of.decay,
              clip = clip_factor(a);
  const float* g = a.g + span.begin;
  float *p = a.p + span.begin, *v = a.first + span.begin, *velocity = a.second + span.begin;
  each(span.n, [&](int64_t i, auto part) {
    const F32 before = load(p + i, part);
    const F32 grad = load(g + i, part) * clip + before * decay;
    const F32 square = load(v + i, part) * alpha + grad * grad * (1.0f - alpha);
    store(v + i, square, part);
    F32 change = grad / (sqrt(square) + eps);
    if (momentum != 0) {
      change = load(velocity + i, part) * momentum + change;
      store(velocity + i, change, part);
    }
    store(p + i, before - change * rate, part);
  });
}

}  // namespace ortune::ORTUNE_ISA
