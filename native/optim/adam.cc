// Adam (Kingma and Ba, 2015), in the order of operations of torch.optim: with decoupled weight decay it is
// AdamW (Loshchilov and Hutter, 2019), with coupled decay, which is added to the gradient, torch.optim.Adam.
// The corrections are 1 - beta1^t and 1 - beta2^t.
#include "optim/update.h"
#include "simd/vec.h"

namespace ortune::ORTUNE_ISA {

void adam(const Update& a, int64_t chunk) {
  if (!is_finite(*a.norm)) return;
  const Span span = span_of(a, chunk);
  const AdamNumbers of = numbers_of<AdamNumbers>(a, span.range);
  const float beta1 = of.beta1, beta2 = of.beta2, eps = of.epsilon, clip = clip_factor(a),
              coupled = of.coupled_decay;
  const float keep_p = 1.0f - of.rate * of.decay, step = of.rate / of.mean_correction,
              correct_v = 1.0f / __builtin_sqrtf(of.square_correction);
  const float* g = a.g + span.begin;
  float *p = a.p + span.begin, *m = a.first + span.begin, *v = a.second + span.begin;
  each(span.n, [&](int64_t i, auto part) {
    const F32 before = load(p + i, part);
    F32 grad = load(g + i, part) * clip;
    if (coupled != 0) grad = grad + before * coupled;
    const F32 mean = load(m + i, part) * beta1 + grad * (1.0f - beta1);
    const F32 square = load(v + i, part) * beta2 + grad * grad * (1.0f - beta2);
    const F32 change = mean / (sqrt(square) * correct_v + eps);
    store(m + i, mean, part);
    store(v + i, square, part);
    store(p + i, before * keep_p - change * step, part);
  });
}

}  // namespace ortune::ORTUNE_ISA
