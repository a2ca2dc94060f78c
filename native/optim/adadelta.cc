// Adadelta (Zeiler, 2012), as torch.optim.Adadelta: weight decay is added to the gradient.
#include "optim/update.h"
#include "simd/vec.h"

namespace ortune::ORTUNE_ISA {

void adadelta(const Update& a, int64_t chunk) {
  if (!is_finite(*a.norm)) return;
  const Span span = span_of(a, chunk);
  const AdadeltaNumbers of = numbers_of<AdadeltaNumbers>(a, span.range);
  const float rate = of.rate, rho = of.rho, eps = of.epsilon, decay = of.decay, clip = clip_factor(a);
  const float* g = a.g + span.begin;
  float *p = a.p + span.begin, *v = a.first + span.begin, *changes = a.second + span.begin;
  each(span.n, [&](int64_t i, auto part) {
    const F32 before = load(p + i, part), moved = load(changes + i, part);
    const F32 grad = load(g + i, part) * clip + before * decay;
    const F32 square = load(v + i, part) * rho + grad * grad * (1.0f - rho);
    const F32 change = sqrt(moved + eps) / sqrt(square + eps) * grad;
    store(v + i, square, part);
    store(changes + i, moved * rho + change * change * (1.0f - rho), part);
    store(p + i, before - change * rate, part);
  });
}

}  // namespace ortune::ORTUNE_ISA
