// Arguments of the parameter updates: one pass over flat arenas of parameters, gradients and optimizer state,
// in place, after a first pass for the global gradient norm. Only the ranges are read and written. What is
// neither: the learning-rate schedule, bias corrections and their powers, which arrive as numbers.
#pragma once

#include <string.h>

#include "ops/kernels.h"

namespace ortune {

constexpr int kHyper = 9;  // float32 numbers per range: the L1 penalty, those of the optimizer, then zeros

struct Update {
  float *p, *first,
      *second;  // parameters; the optimizer's states, such as Adam's m and v; null where it has fewer
  float* g;     // gradients; gradient_norm adds those of L1 penalties
  const int64_t* ranges;       // [range_count][2]: begin and end, ascending, not overlapping
  const int64_t* first_chunk;  // [range_count + 1]: the first chunk of each range, see count_chunks
  const float* hyper;          // [range_count][kHyper], see numbers_of
  int64_t range_count;
  float max_norm;   // 0: no clipping
  double* squares;  // [chunks] scratch: sums of squared gradients
  float* norm;      // [1] out, by gradient_norm_total (one chunk): the norm before clipping
};

/// Chunks never cross a range.
static inline int64_t range_chunks(int64_t begin, int64_t end) {
  return ceil_div(end - begin, kChunkElements);
}

/// Fills first_chunk[range_count + 1] and returns the number of chunks.
static inline int64_t count_chunks(const int64_t* ranges, int64_t range_count, int64_t* first_chunk) {
  int64_t chunk = 0;
  for (int64_t r = 0; r < range_count; ++r) {
    first_chunk[r] = chunk;
    chunk += range_chunks(ranges[2 * r], ranges[2 * r + 1]);
  }
  first_chunk[range_count] = chunk;
  return chunk;
}
static inline int64_t chunks(const Update& a) { return a.first_chunk[a.range_count]; }

/// Where a chunk lies.
struct Span {
  int64_t range, begin, n;
};
static inline Span span_of(const Update& a, int64_t chunk) {
  int64_t low = 0,
          high = a.range_count;  // the last range whose first chunk is not after this one and is not empty
  while (high - low > 1) {
    const int64_t middle = (low + high) / 2;
    (a.first_chunk[middle] <= chunk ? low : high) = middle;
  }
  const int64_t begin = a.ranges[2 * low] + (chunk - a.first_chunk[low]) * kChunkElements;
  const int64_t left = a.ranges[2 * low + 1] - begin;
  return {low, begin, left < kChunkElements ? left : kChunkElements};
}

/// What every gradient is multiplied by; as torch.nn.utils.clip_grad_norm_.
static inline float clip_factor(const Update& a) {
  const float factor = a.max_norm / (*a.norm + 1e-6f);
  return a.max_norm > 0 && factor < 1 ? factor : 1.0f;
}

// AdamNumbers and so on: the numbers of a range, in the order of the optimizer's line in ops/kernels.h.
#define ORTUNE_OPTIMIZER(name, Op, states, ...)   \
  struct Op##Numbers {                            \
    float __VA_ARGS__;                            \
  };                                              \
  static_assert(states <= 2, "first and second"); \
  static_assert(sizeof(Op##Numbers) < kHyper * sizeof(float), "too many numbers");
ORTUNE_KERNELS(ORTUNE_NOTHING, ORTUNE_NOTHING, ORTUNE_OPTIMIZER)
#undef ORTUNE_OPTIMIZER
template <class Numbers>
static inline Numbers numbers_of(const Update& a, int64_t range) {
  Numbers numbers;
  memcpy(&numbers, a.hyper + range * kHyper + 1, sizeof numbers);
  return numbers;
}

static inline float l1_of(const Update& a, int64_t range) { return a.hyper[range * kHyper]; }

/// When the gradient holds a NaN or an infinity nothing is updated.
static inline bool is_finite(float x) { return x - x == 0; }

}  // namespace ortune
