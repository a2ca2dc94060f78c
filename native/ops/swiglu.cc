// The gated unit of Llama's feed-forward layers, swish(gate) * up, and its gradients:
//   dup = dy * g * s,  dgate = dy * up * s * (1 + g (1 - s)),  s = sigmoid(g).
// Source: Shazeer, GLU Variants Improve Transformer (2020).
#include "ops/kernels.h"
#include "simd/math.h"

namespace ortune::ORTUNE_ISA {

void swiglu(const SwiGlu& a, int64_t chunk) {
  const int64_t begin = chunk * kChunkElements;
  const int64_t n = a.n - begin < kChunkElements ? a.n - begin : kChunkElements;
  const float *gate = a.gate + begin, *up = a.up + begin;
  float* y = a.y + begin;
  each(n, [&](int64_t i, auto part) {
    const F32 g = load(gate + i, part);
    store(y + i, g * sigmoid(g) * load(up + i, part), part);
  });
}

void swiglu_grad(const SwiGluGrad& a, int64_t chunk) {
  const int64_t begin = chunk * kChunkElements;
  const int64_t n = a.n - begin < kChunkElements ? a.n - begin : kChunkElements;
  each(n, [&](int64_t i, auto part) {
    const int64_t at = begin + i;
    const F32 dy = load(a.dy + at, part), g = load(a.gate + at, part), up = load(a.up + at, part);
    const F32 s = sigmoid(g);
    if (a.dgate) store(a.dgate + at, dy * up * (s * (g * (1.0f - s) + 1.0f)), part);
    if (a.dup) store(a.dup + at, dy * (g * s), part);
  });
}

}  // namespace ortune::ORTUNE_ISA
