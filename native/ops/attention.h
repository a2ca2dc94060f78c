// Arguments of the fused attention kernels. A chunk is one head of one sample, backward all heads that share
// keys, done whole by one thread: nothing is added up between chunks, so the bits do not depend on threads.
// Scores exist for a block of queries at a time, in the caller's scratch, one per thread. Where the samples
// share the learned bias and its gradient is wanted, a chunk is these heads of all samples, one after the
// other.
#pragma once

#include "ops/kernels.h"

namespace ortune {

/// Per head: s = cap(scale q k') + bias + learned with cap(x) = softcap tanh(x / softcap), p = exp(s - m) r
/// with m the row's maximum and r = 1 / sum exp(s - m), y = (p * dropout) v. A sink is a further score of
/// every row of the head, in m and in the sum, whose share no value gets. q and y are [batch, T, heads * d],
/// k and v [batch, S, kv_heads * d]; head h has the columns from h * d, and shares the keys of head h /
/// (heads / kv_heads) with its neighbours. stats [batch, heads, T, 2] holds m and r, and may be null.
/// Elements of p are dropped by their number in [batch, heads, T, S], as by Dropout; threshold 0 drops none.
/// S is at least 1.
struct Attention {
  const float *q, *k, *v;
  const float* bias;       // null: none
  int64_t bias_stride[4];  // in elements, of its axes batch, heads, T, S; 0 where it is broadcast
  float *y, *stats;
  int64_t batch, heads, kv_heads, T, S, d;
  float scale;
  uint32_t state, threshold;
  float factor;
  float* scratch;                  // scratch_floats(args), of this thread: see set_scratch
  const float* learned = nullptr;  // [batch or 1, heads, T, S]; null: none
  int64_t learned_sample = 0;      // elements from one sample of it to the next
  const float* sink = nullptr;     // [heads]; null: none
  float softcap = 0;               // 0: none
};
static inline int64_t chunks(const Attention& a) { return a.batch * a.heads; }
static inline void set_scratch(Attention& a, float* scratch) { a.scratch = scratch; }

/// Gradients of q, k, v and the learned bias; each may be null. `of` holds the inputs and results of the
/// forward call.
struct AttentionGrad {
  Attention of;
  const float* dy;
  float *dq, *dk, *dv;
  float* dlearned = nullptr;
};
/// Whether a chunk is of all samples, which add to the same elements of dlearned.
static inline bool samples_together(const AttentionGrad& a) { return a.dlearned && a.of.learned_sample == 0; }
static inline int64_t chunks(const AttentionGrad& a) {
  return (samples_together(a) ? 1 : a.of.batch) * a.of.kv_heads;
}
static inline void set_scratch(AttentionGrad& a, float* scratch) { a.of.scratch = scratch; }

/// Rows of scratch start at whole cache lines, an odd number of them apart, so that a column of a matrix does
/// not fall into few sets of the cache.
static inline int64_t scratch_row(int64_t columns) { return (ceil_div(columns, 16) | 1) * 16; }

/// Queries of a block: one buffer of scores is at most about `floats`.
static inline int64_t query_block(const Attention& a, int64_t floats) {
  const int64_t fitting = floats / scratch_row(a.S) / 16 * 16, rows = fitting < 16 ? 16 : fitting;
  return rows < a.T ? rows : a.T;
}
constexpr int64_t kForwardScores = 6144, kBackwardScores = 20480;

static inline int64_t scratch_floats(const Attention& a) {
  const int64_t rows = query_block(a, kForwardScores);
  return 16 + (a.d + 1 + rows) * scratch_row(a.S) + a.S * scratch_row(a.d) + 2 * scratch_row(rows);
}
static inline int64_t scratch_floats(const AttentionGrad& g) {
  const Attention& a = g.of;
  const int64_t rows = query_block(a, kBackwardScores);
  return 16 + (2 * a.d + 1 + 2 * rows) * scratch_row(a.S) + (a.S + 2 * rows) * scratch_row(a.d);
}

}  // namespace ortune
