// Fused attention, forward and backward: the scores of a block of queries are made, turned into probabilities
// and used while they are in the cache, and no head is ever transposed or copied in memory. k and v are
// packed per head, so that the products read whole vectors. The backward pass makes the probabilities again
// from the maximum and sum the forward pass kept (FlashAttention, Dao et al. 2022, without its blocks of
// keys: a row of scores always fits). Scores are padded to whole vectors with -inf, which exp turns into
// exact zeros. Keys that the bias hides from every query of a block, as a causal mask does, are left out:
// their probabilities are exact zeros too.
#include "ops/attention.h"

#include "ops/dropout_mask.h"
#include "ops/gemm_tile.h"
#include "simd/math.h"
#include "simd/transpose.h"

namespace ortune::ORTUNE_ISA {

static inline int64_t padded(int64_t n) { return ceil_div(n, kLanes) * kLanes; }
static inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/// One head's part of [batch, length, heads * d]; a row of another token is `row` floats away.
struct Slice {
  float* data;  // null when the tensor is
  int64_t row;
};

/// What is known of a chunk's head.
struct Head {
  const Attention& a;
  int64_t sample, head;

  Slice slice(const float* x, int64_t length, int64_t heads, int64_t of) const {
    const int64_t row = heads * a.d;
    return {x ? const_cast<float*>(x) + sample * length * row + of * a.d : nullptr, row};
  }
  Slice queries(const float* x) const { return slice(x, a.T, a.heads, head); }
  Slice keys(const float* x) const { return slice(x, a.S, a.kv_heads, head / (a.heads / a.kv_heads)); }
  float* stats(int64_t t) const { return a.stats + (((sample * a.heads) + head) * a.T + t) * 2; }
  /// The number of the first probability of query t, plus the state.
  uint32_t first_element(int64_t t) const {
    return a.state + static_cast<uint32_t>(((sample * a.heads + head) * a.T + t) * a.S);
  }
  /// The bias of query t, null without one; of key s at [s * bias_stride[3]].
  const float* bias(int64_t t) const {
    const int64_t* stride = a.bias_stride;
    return a.bias ? a.bias + sample * stride[0] + head * stride[1] + t * stride[2] : nullptr;
  }
  /// Row t of the learned bias, or of its gradient.
  template <class T>
  T* learned(T* all, int64_t t) const {
    return all ? all + sample * a.learned_sample + (head * a.T + t) * a.S : nullptr;
  }
};

/// Keys from `begin`, a whole number of vectors, to before `end`; `padded` is the end in whole vectors.
struct Keys {
  int64_t begin, end, padded;
};

/// A bias below it makes a probability of exactly 0 of any score but one that is as low itself.
constexpr float kHidden = -1e30f;

/// The keys that some of the queries see. All where one of them sees none: its probabilities are even.
static Keys seen_keys(const Head& h, int64_t t, int64_t rows) {
  const Attention& a = h.a;
  const Keys all = {0, a.S, padded(a.S)};
  if (!a.bias || a.bias_stride[3] != 1) return all;
  int64_t begin = a.S, end = 0;
  // The last query first: under a causal mask it sees the most, and the others are not looked at further.
  for (int64_t i = rows - 1; i >= 0; --i) {
    const float* bias = h.bias(t + i);
    int64_t first = 0, last = a.S;
    while (first < a.S && bias[first] < kHidden) ++first;
    if (first == a.S) return all;
    while (last > end && bias[last - 1] < kHidden) --last;
    if (first < begin) begin = first;
    if (last > end) end = last;
    if (a.bias_stride[2] == 0) break;
  }
  return {begin / kLanes * kLanes, end, padded(end)};
}

/// The biases of query t for the keys, padded: in `row`, unless they are there already.
static void copy_bias(const Head& h, int64_t t, const Keys& keys, float* row) {
  const Attention& a = h.a;
  const float* learned = h.learned(a.learned, t);
  if (t > 0 && !learned && (!a.bias || a.bias_stride[2] == 0)) return;
  const float* from = h.bias(t);
  const int64_t stride = a.bias_stride[3];
  if (from && stride == 1)
    memcpy(row + keys.begin, from + keys.begin, static_cast<size_t>(keys.end - keys.begin) * sizeof(float));
  else
    for (int64_t s = keys.begin; s < keys.end; ++s) row[s] = from ? from[s * stride] : 0.0f;
  if (learned)
    each(keys.end - keys.begin, [&](int64_t i, auto part) {
      float* to = row + keys.begin + i;
      store(to, load(to, part) + load(learned + keys.begin + i, part), part);
    });
  for (int64_t s = keys.end; s < keys.padded; ++s) row[s] = -__builtin_inff();
}

/// Hands out parts of the scratch.
struct Scratch {
  float* next;
  explicit Scratch(float* start)
      : next(reinterpret_cast<float*>((reinterpret_cast<uintptr_t>(start) + 63) & ~uintptr_t{63})) {}
  float* take(int64_t rows, int64_t columns) {
    float* taken = next;
    next += rows * scratch_row(columns);
    return taken;
  }
};

/// Asks for a head's rows all at once: they lie too far apart for the processor to foresee, and packing waits
/// for a few at a time. Not more than the L2 cache takes.
static void prefetch(Slice x, int64_t rows, int64_t columns) {
  const int64_t last = smaller(rows, 32768 / columns + 1);
  for (int64_t r = 0; r < last; ++r)
    for (int64_t c = 0; c < columns; c += 16) __builtin_prefetch(x.data + r * x.row + c, 0, 2);
}

/// to[rows, padded columns] = from.
static void pack(Slice from, int64_t rows, int64_t columns, float* to) {
  for (int64_t r = 0; r < rows; ++r)
    each(columns, [&](int64_t c, auto part) {
      store(to + r * scratch_row(columns) + c, load(from.data + r * from.row + c, part), Full{});
    });
}

/// to[columns, padded rows] = from transposed.
static void pack_transposed(Slice from, int64_t rows, int64_t columns, float* to) {
  const int64_t to_row = scratch_row(rows);
  for (int64_t r = 0; r < rows; r += kLanes)
    each(columns, [&](int64_t c, auto part) {
      F32 square[kLanes];
      for (int k = 0; k < kLanes; ++k)
        square[k] = r + k < rows ? load(from.data + (r + k) * from.row + c, part) : F32{};
      transpose_tile(square);
      for (int64_t k = 0; k < smaller(kLanes, columns - c); ++k)
        store(to + (c + k) * to_row + r, square[k], Full{});
    });
}

/// e^x for x <= 88, and exactly 0 for x < -88: there the power of two that exp_in_range multiplies by is 0.
static inline F32 exp_or_zero(F32 x) { return exp_in_range(at_least(x, -88.2f)); }

/// Combines the lanes of each of kLanes vectors: lane r of the result is of rows[r], which are destroyed.
template <class Combine>
static inline F32 across_lanes(F32* rows, Combine combine) {
  transpose_tile(rows);
  for (int width = kLanes / 2; width > 0; width /= 2)
    for (int k = 0; k < width; ++k) rows[k] = combine(rows[k], rows[k + width]);
  return rows[0];
}

/// The tangent of the cap at a score over `softcap`, and what it makes of the score; 1 and x without one.
struct Capped {
  F32 score, slope;
  Capped(F32 x, float softcap) : score(x), slope(set(1.0f)) {
    if (softcap == 0) return;
    const F32 t = tanh(x * (1.0f / softcap));
    score = t * softcap;
    slope = 1.0f - t * t;
  }
};

/// Turns rows of q k' into exp(s - m), dropped; leaves m and r of each row. At most kLanes rows.
static void softmax_rows(const Head& h, int64_t t, int64_t rows, const Keys& keys, float* x, float* bias,
                         float* m, float* r) {
  const Attention& a = h.a;
  const int64_t row = scratch_row(a.S);
  const F32 scale = set(a.scale);
  const uint32_t threshold = a.threshold;
  const float factor = a.factor;
  F32 lanes[kLanes] = {};
  for (int64_t i = 0; i < rows; ++i) {
    copy_bias(h, t + i, keys, bias);
    F32 top = set(a.sink ? a.sink[h.head] : -__builtin_inff());
    for (int64_t s = keys.begin; s < keys.end; s += kLanes) {
      const F32 score =
          Capped(load(x + i * row + s, Full{}) * scale, a.softcap).score + load(bias + s, Full{});
      store(x + i * row + s, score, Full{});
      top = at_least(score, top);
    }
    lanes[i] = top;
  }
  const F32 tops = across_lanes(lanes, [](F32 u, F32 v) { return at_least(u, v); });
  store(m, tops, Full{});
  for (int64_t i = 0; i < rows; ++i) {
    const U32 first = iota() + h.first_element(t + i);
    const F32 top = set(m[i]);
    F32 total = {};
    for (int64_t s = keys.begin; s < keys.end; s += kLanes) {
      F32 e = exp_or_zero(load(x + i * row + s, Full{}) - top);
      total += e;
      if (threshold) e *= dropout_mask(first + static_cast<uint32_t>(s), threshold, factor);
      store(x + i * row + s, e, Full{});
    }
    lanes[i] = total;
  }
  F32 sums = across_lanes(lanes, [](F32 u, F32 v) { return u + v; });
  if (a.sink) sums += exp_or_zero(set(a.sink[h.head]) - tops);
  store(r, 1.0f / sums, Full{});
}

void attention(const Attention& a, int64_t chunk) {
  const Head h{a, chunk / a.heads, chunk % a.heads};
  const Slice q = h.queries(a.q), k = h.keys(a.k), v = h.keys(a.v), y = h.queries(a.y);
  const int64_t block = query_block(a, kForwardScores), row = scratch_row(a.S);
  Scratch scratch(a.scratch);
  float *kt = scratch.take(a.d, a.S), *vp = scratch.take(a.S, a.d), *bias = scratch.take(1, a.S),
        *p = scratch.take(block, a.S), *m = scratch.take(1, block), *r = scratch.take(1, block);
  prefetch(k, a.S, a.d);
  prefetch(v, a.S, a.d);
  prefetch(q, a.T, a.d);
  pack_transposed(k, a.S, a.d, kt);
  pack(v, a.S, a.d, vp);
  for (int64_t t = 0; t < a.T; t += block) {
    const int64_t rows = smaller(block, a.T - t);
    const Keys keys = seen_keys(h, t, rows);
    const int64_t from = keys.begin;
    multiply({q.data + t * q.row, q.row, 1, kt + from, row, p + from, row, rows, a.d, keys.padded - from,
              false, nullptr});
    for (int64_t i = 0; i < rows; i += kLanes)
      softmax_rows(h, t + i, smaller(kLanes, rows - i), keys, p + i * row, bias, m + i, r + i);
    if (a.stats)
      for (int64_t i = 0; i < rows; ++i) {
        h.stats(t + i)[0] = m[i];
        h.stats(t + i)[1] = r[i];
      }
    multiply({p + from, row, 1, vp + from * scratch_row(a.d), scratch_row(a.d), y.data + t * y.row, y.row,
              rows, keys.end - from, a.d, false, r});
  }
}

/// Adds those of a row's vector that are keys.
static inline void add_keys(float* to, int64_t s, int64_t end, F32 v) {
  if (s + kLanes <= end)
    store(to + s, load(to + s, Full{}) + v, Full{});
  else
    store(to + s, load(to + s, Tail{end - s}) + v, Tail{end - s});
}

/// Turns rows of q k' into dropped probabilities, and rows of dy v' into ds = p * (dp * dropout - D), times
/// scale and the slope of the cap, where D is the row's sum of dy * y. Adds ds to dlearned. At most kLanes
/// rows.
static void softmax_grad_rows(const Head& h, int64_t t, int64_t rows, const Keys& keys, float* x, float* g,
                              float* bias, Slice dy, Slice y, float* dlearned) {
  const Attention& a = h.a;
  const int64_t row = scratch_row(a.S);
  const F32 scale = set(a.scale);
  const uint32_t threshold = a.threshold;
  const float factor = a.factor;
  F32 lanes[kLanes] = {};
  for (int64_t i = 0; i < rows; ++i) {
    F32 total = {};
    each(a.d, [&](int64_t c, auto part) {
      total += load(dy.data + (t + i) * dy.row + c, part) * load(y.data + (t + i) * y.row + c, part);
    });
    lanes[i] = total;
  }
  const F32 sums = across_lanes(lanes, [](F32 u, F32 v) { return u + v; });
  float dy_y[kLanes];
  store(dy_y, sums, Full{});
  for (int64_t i = 0; i < rows; ++i) {
    copy_bias(h, t + i, keys, bias);
    const float* stats = h.stats(t + i);
    const F32 top = set(stats[0]), r = set(stats[1]), along = set(dy_y[i]);
    float* const to = h.learned(dlearned, t + i);
    const U32 first = iota() + h.first_element(t + i);
    for (int64_t s = i * row + keys.begin; s < i * row + keys.end; s += kLanes) {
      const Capped capped(load(x + s, Full{}) * scale, a.softcap);
      const F32 p = exp_or_zero(capped.score + load(bias + s - i * row, Full{}) - top) * r;
      F32 dp = load(g + s, Full{}), dropped = p;
      if (threshold) {
        const F32 mask = dropout_mask(first + static_cast<uint32_t>(s - i * row), threshold, factor);
        dp *= mask;
        dropped *= mask;
      }
      store(x + s, dropped, Full{});
      if (to) add_keys(to, s - i * row, keys.end, p * (dp - along));
      store(g + s, p * scale * (dp - along) * capped.slope, Full{});
    }
  }
}

/// What of keys and values the heads that share them have in common: packed, and their gradients.
struct Shared {
  const float *kt, *vt, *kp;
  Slice dk, dv;
};

/// One head's gradients; those of keys and values are added.
static void head_grad(const AttentionGrad& grad, const Head& h, const Shared& shared, Scratch scratch) {
  const Attention& a = grad.of;
  const Slice q = h.queries(a.q), y = h.queries(a.y), dy = h.queries(grad.dy), dq = h.queries(grad.dq);
  const Slice dk = shared.dk, dv = shared.dv;
  const int64_t block = query_block(a, kBackwardScores), row = scratch_row(a.S), width = scratch_row(a.d);
  float *qp = scratch.take(block, a.d), *dyp = scratch.take(block, a.d), *bias = scratch.take(1, a.S),
        *p = scratch.take(block, a.S), *ds = scratch.take(block, a.S);
  prefetch(q, a.T, a.d);
  prefetch(dy, a.T, a.d);
  prefetch(y, a.T, a.d);
  for (int64_t t = 0; t < a.T; t += block) {
    const int64_t rows = smaller(block, a.T - t);
    const Keys keys = seen_keys(h, t, rows);
    const int64_t from = keys.begin, some = keys.end - from, whole = keys.padded - from;
    const Slice q_rows = {q.data + t * q.row, q.row}, dy_rows = {dy.data + t * dy.row, dy.row};
    multiply({q_rows.data, q.row, 1, shared.kt + from, row, p + from, row, rows, a.d, whole, false, nullptr});
    multiply(
        {dy_rows.data, dy.row, 1, shared.vt + from, row, ds + from, row, rows, a.d, whole, false, nullptr});
    for (int64_t i = 0; i < rows; i += kLanes)
      softmax_grad_rows(h, t + i, smaller(kLanes, rows - i), keys, p + i * row, ds + i * row, bias, dy, y,
                        grad.dlearned);
    if (dv.data) {
      pack(dy_rows, rows, a.d, dyp);
      multiply(
          {p + from, 1, row, dyp, width, dv.data + from * dv.row, dv.row, some, rows, a.d, true, nullptr});
    }
    if (dk.data) {
      pack(q_rows, rows, a.d, qp);
      multiply(
          {ds + from, 1, row, qp, width, dk.data + from * dk.row, dk.row, some, rows, a.d, true, nullptr});
    }
    if (dq.data)
      multiply({ds + from, row, 1, shared.kp + from * width, width, dq.data + t * dq.row, dq.row, rows, some,
                a.d, false, nullptr});
  }
}

static void clear(Slice x, int64_t rows, int64_t columns) {
  for (int64_t r = 0; x.data && r < rows; ++r)
    memset(x.data + r * x.row, 0, static_cast<size_t>(columns) * sizeof(float));
}

/// The gradients of the heads of one sample that share keys, from head `first` on.
static void sample_grad(const AttentionGrad& grad, int64_t sample, int64_t first) {
  const Attention& a = grad.of;
  const int64_t sharing = a.heads / a.kv_heads;
  const Head h{a, sample, first};
  const Slice k = h.keys(a.k), v = h.keys(a.v), dk = h.keys(grad.dk), dv = h.keys(grad.dv);
  Scratch scratch(a.scratch);
  float *kt = scratch.take(a.d, a.S), *vt = scratch.take(a.d, a.S), *kp = scratch.take(a.S, a.d);
  prefetch(k, a.S, a.d);
  prefetch(v, a.S, a.d);
  pack_transposed(k, a.S, a.d, kt);
  pack_transposed(v, a.S, a.d, vt);
  if (grad.dq) pack(k, a.S, a.d, kp);
  clear(dk, a.S, a.d);
  clear(dv, a.S, a.d);
  for (int64_t i = 0; i < sharing; ++i)
    head_grad(grad, Head{a, sample, first + i}, Shared{kt, vt, kp, dk, dv}, scratch);
}

void attention_grad(const AttentionGrad& grad, int64_t chunk) {
  const Attention& a = grad.of;
  const int64_t sharing = a.heads / a.kv_heads, samples = samples_together(grad) ? a.batch : 1,
                sample = chunk / a.kv_heads, first = chunk % a.kv_heads * sharing;
  clear({Head{a, sample, first}.learned(grad.dlearned, 0), a.S}, sharing * a.T, a.S);
  for (int64_t i = 0; i < samples; ++i) sample_grad(grad, sample + i, first);
}

}  // namespace ortune::ORTUNE_ISA
