// Stochastic gradient descent with momentum, as torch.optim.SGD: weight decay is added to the gradient.
// PyTorch starts the velocity at the first gradient without dampening; from zeros that is a first step with
// dampening 0, which is the caller's to pass. hyper: lr, momentum, dampening, nesterov (0 or 1), weight
// decay, three unused.
#include "optim/update.h"
#include "simd/vec.h"

namespace ortune::ORTUNE_ISA {

void sgd(const Update& a, int64_t chunk) {
  if (!is_finite(*a.norm)) return;
  const Span span = span_of(a, chunk);
  const float* h = a.hyper + span.range * kHyper;
  const float lr = h[0], momentum = h[1], fresh = 1.0f - h[2], decay = h[4], clip = clip_factor(a);
  const bool nesterov = h[3] != 0;
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
