// Stochastic gradient descent with momentum, as torch.optim.SGD: weight decay is added to the gradient.
// PyTorch starts the velocity at the first gradient without dampening; from zeros that is a first step with
// dampening 0, which is the caller's to pass. nesterov is 0 or 1.
#include "optim/update.h"
#include "simd/vec.h"

namespace ortune::ORTUNE_ISA {

void sgd(const Update& a, int64_t chunk) {
  if (!is_finite(*a.norm)) return;
  const Span span = span_of(a, chunk);
  const SgdNumbers of = numbers_of<SgdNumbers>(a, span.range);
  const float lr = of.rate, momentum = of.momentum, fresh = 1.0f - of.dampening, decay = of.decay,
              clip = clip_factor(a);
  const bool nesterov = of.nesterov != 0;
  const float* g = a.g + span.begin;
  float *p = a.p + span.begin, *velocity = a.first + span.begin;
  each(span.n, [&](int64_t i, auto part) {
    const F32 before = load(p + i, part);
    const F32 grad = load(g + i, part) * clip + before * decay;
    F32 change = grad;
    if (momentum != 0) {
      const F32 moved = load(velocity + i, part) * momentum + grad * fresh;
      store(velocity + i, moved, part);
      change = nesterov ? grad + moved * momentum : moved;
    }
    store(p + i, before - change * lr, part);
  });
}

}  // namespace ortune::ORTUNE_ISA
