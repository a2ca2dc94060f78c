// Softmax cross-entropy with ignored labels, class weights, sample weights and label smoothing, as PyTorch
// defines it (torch.nn.functional.cross_entropy), but summed, not averaged: the normaliser is the caller's.
#include "ops/kernels.h"
#include "simd/math.h"

namespace ortune::ORTUNE_ISA {

/// What row n contributes: weight * (target * (lse - l_t) + smooth * sum_c w_c (lse - l_c)).
struct RowWeights {
  float weight, target, smooth;
};
static inline RowWeights row_weights(const CrossEntropy& a, int64_t n) {
  const int64_t label = a.labels[n];
  if (label == a.ignore_index) return {0, 0, 0};
  return {a.sample_weights ? a.sample_weights[n] : 1.0f,
          (1.0f - a.smoothing) * (a.class_weights ? a.class_weights[label] : 1.0f),
          a.smoothing / static_cast<float>(a.columns)};
}

template <class Part>
static inline F32 class_weights(const CrossEntropy& a, int64_t i, Part part) {
  return a.class_weights ? load(a.class_weights + i, part) : keep(set(1.0f), part);
}

static inline float row_max(const float* row, int64_t n) {
  F32 most = set(row[0]);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const F32 x = load(row + i, Full{});
    most = x > most ? x : most;
  }
  float max = row[0];
  for (int k = 0; k < kLanes; ++k) max = most[k] > max ? most[k] : max;
  for (; i < n; ++i) max = row[i] > max ? row[i] : max;
  return max;
}

void cross_entropy(const CrossEntropy& a, int64_t chunk) {
  const int64_t begin = chunk * chunk_rows(a.columns), after = begin + chunk_rows(a.columns);
  const int64_t end = after < a.rows ? after : a.rows;
  for (int64_t n = begin; n < end; ++n) {
    const float* logits = a.logits + n * a.columns;
    const float max = row_max(logits, a.columns);
    const float total =
        sum(a.columns, [&](int64_t i, auto part) { return keep(exp(load(logits + i, part) - max), part); });
    const float lse = max + static_cast<float>(__builtin_log(static_cast<double>(total)));
    a.lse[n] = lse;
    const RowWeights w = row_weights(a, n);
    double loss = 0;
    if (w.weight != 0) {
      loss = static_cast<double>(w.target) * (lse - logits[a.labels[n]]);
      if (w.smooth != 0)
        loss += static_cast<double>(w.smooth) * sum(a.columns, [&](int64_t i, auto part) {
                  return class_weights(a, i, part) * (lse - load(logits + i, part));
                });
      loss *= w.weight;
    }
    a.row_losses[n] = loss;
  }
}

void cross_entropy_total(const CrossEntropy& a, int64_t) {
  double total = 0;
  for (int64_t n = 0; n < a.rows; ++n) total += a.row_losses[n];
  *a.loss = static_cast<float>(total);
}

/// With p = exp(l - lse): dloss/dl_c = weight (p_c (target + smooth sum_k w_k) - smooth w_c - [c = t]
/// target).
void cross_entropy_grad(const CrossEntropyGrad& g, int64_t chunk) {
  const CrossEntropy& a = g.of;
  const int64_t begin = chunk * chunk_rows(a.columns), after = begin + chunk_rows(a.columns);
  const int64_t end = after < a.rows ? after : a.rows;
  const float all_classes = sum(a.columns, [&](int64_t i, auto part) { return class_weights(a, i, part); });
  for (int64_t n = begin; n < end; ++n) {
    const float* logits = a.logits + n * a.columns;
    float* dlogits = g.dlogits + n * a.columns;
    const RowWeights w = row_weights(a, n);
    if (w.weight == 0) {
      memset(dlogits, 0, static_cast<size_t>(a.columns) * sizeof(float));
      continue;
    }
    const float weight = g.dloss * w.weight, lse = a.lse[n];
    const float of_p = weight * (w.target + w.smooth * all_classes), of_class = weight * w.smooth;
    each(a.columns, [&](int64_t i, auto part) {
      const F32 p = exp(load(logits + i, part) - lse);
      store(dlogits + i, p * of_p - class_weights(a, i, part) * of_class, part);
    });
    dlogits[a.labels[n]] -= weight * w.target;
  }
}

}  // namespace ortune::ORTUNE_ISA
