// Fused attention and its gradients against the formulas in float64, for odd sizes, every broadcast of the
// bias, learned biases, sinks, caps, dropout, masked rows, blocks of queries that do not fit evenly, and
// outputs left out.
#include "ops/attention.h"

#include "harness.h"

namespace test {

using namespace ortune;

struct Case {
  int64_t batch, heads, T, S, d;
  int bias;  // which axes it has, as bits: 8 batch, 4 heads, 2 T, 1 S; -1: none
  double ratio;
  int64_t sharing = 1;  // heads that share their keys
  int learned = 0;      // a learned bias: 1 of all samples, 2 of each
  bool sink = false;
  float softcap = 0;
};
static const Case kCases[] = {
    {1, 1, 1, 1, 1, -1, 0},
    {2, 3, 5, 7, 3, 9, 0},
    {1, 2, 17, 33, 17, 3, 0.3},
    {2, 2, 31, 16, 8, 15, 0},
    {1, 3, 9, 65, 31, 10, 0.5},
    {2, 2, 64, 64, 32, 9, 0.1},
    {1, 2, 130, 47, 20, 15, 0.1},
    {1, 1, 70, 1100, 64, 9, 0},
    {1, 1, 300, 301, 5, 2, 0.2},
    {1, 2, 3, 129, 100, 0, 0},
    {1, 1, 40, 50, 256, 5, 0.1},
    {3, 1, 128, 128, 32, -1, 0},
    {2, 6, 31, 33, 7, 15, 0, 3},
    {2, 4, 70, 47, 20, -1, 0.2, 4},
    {3, 2, 17, 33, 9, -1, 0, 1, 1},
    {2, 4, 70, 47, 8, 9, 0.1, 2, 1},
    {2, 3, 5, 19, 3, 11, 0, 1, 2},
    {2, 2, 19, 35, 16, -1, 0, 1, 0, true},
    {3, 2, 7, 18, 5, 9, 0.2, 2, 0, true},
    {1, 2, 33, 40, 12, -1, 0, 1, 0, false, 0.7f},
    {2, 4, 21, 70, 8, 9, 0.1, 2, 1, true, 1.3f},
};

static std::string label(const Target& target, const char* kernel, const Case& s) {
  std::string text = target.name + " " + kernel;
  for (int64_t n : {s.batch, s.heads, s.sharing, s.T, s.S, s.d, static_cast<int64_t>(s.bias)})
    text += " " + std::to_string(n);
  if (s.learned) text += s.learned == 1 ? " learned" : " learned of each sample";
  if (s.sink) text += " sink";
  if (s.softcap > 0) text += " capped";
  return text;
}

/// All tensors of a case; `offset` as in Floats.
struct Tensors {
  const Case& s;
  int64_t q_size, k_size, bias_size = 1;
  int64_t bias_stride[4];
  Floats q, k, v, dy, y, stats, dq, dk, dv, bias, learned, dlearned, sink;

  Tensors(const Case& s, int offset, double spread = 1)
      : s(s),
        q_size(s.batch * s.T * s.heads * s.d),
        k_size(s.batch * s.S * s.heads / s.sharing * s.d),
        q(q_size, offset),
        k(k_size, offset),
        v(k_size, offset),
        dy(q_size, offset),
        y(q_size, offset),
        stats(s.batch * s.heads * s.T * 2, offset),
        dq(q_size, offset),
        dk(k_size, offset),
        dv(k_size, offset),
        bias(strides(), offset),
        learned((s.learned == 2 ? s.batch : 1) * s.heads * s.T * s.S, offset),
        dlearned(learned.size(), offset),
        sink(s.heads, offset) {
    q.fill(1, spread);
    k.fill(2);
    v.fill(3);
    dy.fill(4);
    bias.fill(5, 2);
    learned.fill(6, 2);
    sink.fill(7, 2);
  }

  /// Sets the strides and returns the elements of the bias.
  int64_t strides() {
    const int64_t axes[] = {s.batch, s.heads, s.T, s.S};
    for (int axis = 3; axis >= 0; --axis) {
      const bool has = s.bias >= 0 && (s.bias >> (3 - axis)) & 1;
      bias_stride[axis] = has && axes[axis] > 1 ? bias_size : 0;
      if (has) bias_size *= axes[axis];
    }
    return bias_size;
  }

  Attention forward() {
    Attention a{q.data(),
                k.data(),
                v.data(),
                s.bias < 0 ? nullptr : bias.data(),
                {},
                y.data(),
                stats.data(),
                s.batch,
                s.heads,
                s.heads / s.sharing,
                s.T,
                s.S,
                s.d,
                0.3f,
                0,
                0,
                1,
                nullptr};
    memcpy(a.bias_stride, bias_stride, sizeof bias_stride);
    if (s.learned) a.learned = learned.data();
    if (s.learned == 2) a.learned_sample = s.heads * s.T * s.S;
    if (s.sink) a.sink = sink.data();
    a.softcap = s.softcap;
    const uint32_t key[4] = {7, 100, 1, 0};
    a.state = dropout_state(key, 3);
    a.threshold = static_cast<uint32_t>(s.ratio * 4294967296.0);
    if (s.ratio > 0) a.factor = static_cast<float>(1 / (1 - s.ratio));
    return a;
  }
  AttentionGrad backward() {
    return {forward(), dy.data(), dq.data(), dk.data(), dv.data(), s.learned ? dlearned.data() : nullptr};
  }
};

struct Reference {
  std::vector<double> y, dq, dk, dv, stats, dlearned;
};

/// The factors of `dropout`'s elements, from the Dropout kernel itself.
static std::vector<float> factors(const Target& target, const Attention& a) {
  const int64_t n = a.batch * a.heads * a.T * a.S;
  std::vector<float> ones(static_cast<size_t>(n), 1.0f), y(ones.size());
  run(Order::kForward, target.kernels.dropout,
      Dropout{ones.data(), y.data(), n, a.state, a.threshold, a.factor});
  return a.threshold ? y : ones;
}

static Reference reference(const Target& target, const Attention& a, const float* dy) {
  const int64_t width = a.heads * a.d, k_width = a.kv_heads * a.d, sharing = a.heads / a.kv_heads;
  const std::vector<float> mask = factors(target, a);
  Reference out;
  out.y.resize(static_cast<size_t>(a.batch * a.T * width));
  out.dq = out.y;
  out.dk.resize(static_cast<size_t>(a.batch * a.S * k_width));
  out.dv = out.dk;
  out.dlearned.resize(a.learned ? static_cast<size_t>((a.learned_sample ? a.batch : 1) * a.heads * a.T * a.S)
                                : 0);
  std::vector<double> p(static_cast<size_t>(a.S)), dp(p.size()), slope(p.size(), 1.0);
  for (int64_t n = 0; n < a.batch; ++n)
    for (int64_t h = 0; h < a.heads; ++h)
      for (int64_t t = 0; t < a.T; ++t) {
        const int64_t q_at = (n * a.T + t) * width + h * a.d;
        const auto k_at = [&](int64_t s) { return (n * a.S + s) * k_width + h / sharing * a.d; };
        const float* drop = mask.data() + ((n * a.heads + h) * a.T + t) * a.S;
        const int64_t learned_at = n * a.learned_sample + (h * a.T + t) * a.S;
        double top = a.sink ? a.sink[h] : -INFINITY, total = 0, dot = 0;
        for (int64_t s = 0; s < a.S; ++s) {
          double score = 0;
          for (int64_t c = 0; c < a.d; ++c) score += static_cast<double>(a.q[q_at + c]) * a.k[k_at(s) + c];
          score *= a.scale;
          if (a.softcap > 0) {
            slope[s] = 1 - pow(tanh(score / a.softcap), 2);
            score = a.softcap * tanh(score / a.softcap);
          }
          if (a.learned) score += a.learned[learned_at + s];
          const int64_t* stride = a.bias_stride;
          if (a.bias) score += a.bias[n * stride[0] + h * stride[1] + t * stride[2] + s * stride[3]];
          // What float32 holds: a bias of -3.4e38 swallows the score.
          p[s] = fabs(score) > 1e30 ? static_cast<double>(static_cast<float>(score)) : score;
          top = p[s] > top ? p[s] : top;
        }
        for (int64_t s = 0; s < a.S; ++s) total += p[s] = exp(p[s] - top);
        if (a.sink) total += exp(a.sink[h] - top);
        out.stats.push_back(top);
        out.stats.push_back(1 / total);
        for (int64_t s = 0; s < a.S; ++s) {
          p[s] /= total;
          dp[s] = 0;
          for (int64_t c = 0; c < a.d; ++c) {
            out.y[q_at + c] += p[s] * drop[s] * a.v[k_at(s) + c];
            out.dv[k_at(s) + c] += p[s] * drop[s] * dy[q_at + c];
            dp[s] += static_cast<double>(dy[q_at + c]) * a.v[k_at(s) + c] * drop[s];
          }
          dot += dp[s] * p[s];
        }
        for (int64_t s = 0; s < a.S; ++s) {
          const double along = p[s] * (dp[s] - dot), ds = a.scale * along * slope[s];
          if (a.learned) out.dlearned[learned_at + s] += along;
          for (int64_t c = 0; c < a.d; ++c) {
            out.dq[q_at + c] += ds * a.k[k_at(s) + c];
            out.dk[k_at(s) + c] += ds * a.q[q_at + c];
          }
        }
      }
  return out;
}

/// Norm of the error over the norm of the values.
static void check_norm(const std::string& what, Floats& got, const std::vector<double>& want, double bound) {
  double error = 0, norm = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    error += pow(got[static_cast<int64_t>(i)] - want[i], 2);
    norm += want[i] * want[i];
  }
  check(sqrt(error) <= bound * sqrt(norm) + 1e-6, what + ": off by " + std::to_string(sqrt(error / norm)));
}

static void append(std::vector<float>& all, Floats& part) {
  all.insert(all.end(), part.data(), part.data() + part.size());
}

static void test_case(const Target& target, const Case& s) {
  const std::string what = label(target, "attention", s);
  const auto produce = [&](Order order, int offset) {
    Tensors x(s, offset);
    std::vector<float> all;
    run_with_scratch(order, target.kernels.attention, x.forward());
    AttentionGrad grad = x.backward();
    run_with_scratch(order, target.kernels.attention_grad, grad);
    std::vector<Floats*> written = {&x.y, &x.stats, &x.dq, &x.dk, &x.dv};
    if (s.learned) written.push_back(&x.dlearned);
    for (Floats* f : written) {
      check(f->guarded(), what + ": writes its range only");
      append(all, *f);
    }
    // One output at a time.
    for (int wanted = 0; wanted < (s.learned ? 4 : 3); ++wanted) {
      Tensors z(s, offset);
      AttentionGrad one = grad;
      one.dq = wanted == 0 ? z.dq.data() : nullptr;
      one.dk = wanted == 1 ? z.dk.data() : nullptr;
      one.dv = wanted == 2 ? z.dv.data() : nullptr;
      one.dlearned = wanted == 3 ? z.dlearned.data() : nullptr;
      run_with_scratch(order, target.kernels.attention_grad, one);
      Floats &alone = wanted == 0   ? z.dq
                      : wanted == 1 ? z.dk
                      : wanted == 2 ? z.dv
                                    : z.dlearned,
             &together = wanted == 0   ? x.dq
                         : wanted == 1 ? x.dk
                         : wanted == 2 ? x.dv
                                       : x.dlearned;
      check(same_bits(alone.copy(), together.copy()), what + ": outputs alone");
    }
    return all;
  };
  stable(what, produce);
  Tensors x(s, 0);
  run_with_scratch(Order::kForward, target.kernels.attention, x.forward());
  run_with_scratch(Order::kForward, target.kernels.attention_grad, x.backward());
  const Reference want = reference(target, x.forward(), x.dy.data());
  check_close(what + " y", x.y.data(), want.y, 1e-5, 4e-6);
  check_close(what + " stats", x.stats.data(), want.stats, 1e-5, 4e-6);
  check_norm(what + " dq", x.dq, want.dq, 2e-6);
  check_norm(what + " dk", x.dk, want.dk, 2e-6);
  check_norm(what + " dv", x.dv, want.dv, 2e-6);
  check_norm(what + " dlearned", x.dlearned, want.dlearned, 2e-6);
}

constexpr float kLowest = -3.4028234664e38f;

/// Masks as models write them: the lowest float, -10000, -inf; a row that masks all attends evenly.
static void test_masks(const Target& target) {
  const Case s{2, 2, 19, 37, 16, 11, 0};
  for (float low : {kLowest, -10000.0f, -INFINITY}) {
    const std::string what = target.name + " attention masked by " + std::to_string(low);
    Tensors x(s, 1);
    for (int64_t n = 0; n < s.batch; ++n)
      for (int64_t t = 0; t < s.T; ++t)
        for (int64_t c = 0; c < s.S; ++c)
          x.bias[(n * s.T + t) * s.S + c] = c > t + n || (t == 5 && low == kLowest) ? low : 0.0f;
    run_with_scratch(Order::kForward, target.kernels.attention, x.forward());
    run_with_scratch(Order::kForward, target.kernels.attention_grad, x.backward());
    const Reference want = reference(target, x.forward(), x.dy.data());
    check_close(what + " y", x.y.data(), want.y, 1e-5, 4e-6);
    check_norm(what + " dq", x.dq, want.dq, 2e-6);
    check_norm(what + " dk", x.dk, want.dk, 2e-6);
    check_norm(what + " dv", x.dv, want.dv, 2e-6);
    bool zero = true;
    for (int64_t c = 0; c < s.heads * s.d; ++c) zero = zero && x.dv[36 * s.heads * s.d + c] == 0;
    if (low == -INFINITY) check(zero, what + ": a token nobody sees has a gradient of zero");
  }
}

/// Keys that no query of a block sees are left out, wherever they are: causal masks, windows, padding in
/// front.
static void test_left_out(const Target& target) {
  const struct {
    const char* name;
    int64_t behind, ahead;  // how far a query sees
    int64_t padding;        // keys of sample 1 that none sees, in front
  } kMasks[] = {
      {"causal", 1000, 0, 0}, {"in a window", 20, 0, 0}, {"padded", 1000, 0, 45}, {"ahead", 3, 9, 2}};
  for (const auto& mask : kMasks)
    for (float low : {kLowest, -INFINITY}) {
      const Case s{2, 4, 150, 150, 8, 11, 0, 2};
      const std::string what = target.name + " attention " + mask.name + " by " + std::to_string(low);
      Tensors x(s, 1);
      for (int64_t n = 0; n < s.batch; ++n)
        for (int64_t t = 0; t < s.T; ++t)
          for (int64_t c = 0; c < s.S; ++c) {
            const bool sees = c >= t - mask.behind && c <= t + mask.ahead && c >= n * mask.padding;
            x.bias[(n * s.T + t) * s.S + c] = sees || (low < kLowest && c == t) ? 0.0f : low;
          }
      run_with_scratch(Order::kForward, target.kernels.attention, x.forward());
      run_with_scratch(Order::kForward, target.kernels.attention_grad, x.backward());
      const Reference want = reference(target, x.forward(), x.dy.data());
      check_close(what + " y", x.y.data(), want.y, 1e-5, 4e-6);
      check_norm(what + " dq", x.dq, want.dq, 2e-6);
      check_norm(what + " dk", x.dk, want.dk, 2e-6);
      check_norm(what + " dv", x.dv, want.dv, 2e-6);
      for (const Floats* f : {&x.y, &x.dq, &x.dk, &x.dv})
        check(f->guarded(), what + ": writes its range only");
    }
}

static void test_rows_without_keys(const Target& target) {
  const Case s{1, 1, 9, 21, 8, 2, 0};
  Tensors x(s, 0);
  for (int64_t t = 0; t < s.T; ++t) x.bias[t] = t == 4 ? -INFINITY : 0.0f;
  run_with_scratch(Order::kForward, target.kernels.attention, x.forward());
  bool right = true;
  for (int64_t t = 0; t < s.T; ++t)
    for (int64_t c = 0; c < s.d; ++c) right = right && isnan(x.y[t * s.d + c]) == (t == 4);
  check(right, target.name + " attention: a row of -inf is NaN, and only that row");
}

static void test_large_scores(const Target& target) {
  const Case s{1, 2, 20, 40, 16, -1, 0};
  Tensors x(s, 0, 1000);
  run_with_scratch(Order::kForward, target.kernels.attention, x.forward());
  const Reference want = reference(target, x.forward(), x.dy.data());
  check_close(target.name + " attention of large scores", x.y.data(), want.y, 1e-3, 2e-3);
}

/// Hidden keys of a learned bias get no gradient, and the mask leaves keys out as without it.
static void test_learned_under_a_mask(const Target& target) {
  const Case s{2, 2, 70, 70, 8, 3, 0, 1, 1, true, 2.0f};
  const std::string what = target.name + " attention with a learned bias under a causal mask";
  Tensors x(s, 1);
  for (int64_t t = 0; t < s.T; ++t)
    for (int64_t c = 0; c < s.S; ++c) x.bias[t * s.S + c] = c > t ? kLowest : 0.0f;
  run_with_scratch(Order::kForward, target.kernels.attention, x.forward());
  run_with_scratch(Order::kForward, target.kernels.attention_grad, x.backward());
  const Reference want = reference(target, x.forward(), x.dy.data());
  check_close(what + " y", x.y.data(), want.y, 1e-5, 4e-6);
  check_norm(what + " dq", x.dq, want.dq, 2e-6);
  check_norm(what + " dlearned", x.dlearned, want.dlearned, 2e-6);
  bool zero = true;
  for (int64_t t = 0; t < s.T; ++t)
    for (int64_t c = t + 1; c < s.S; ++c) zero = zero && x.dlearned[t * s.S + c] == 0;
  check(zero, what + ": hidden keys have no gradient");
}

void test_attention(const Target& target) {
  for (const Case& s : kCases) test_case(target, s);
  test_masks(target);
  test_left_out(target);
  test_learned_under_a_mask(target);
  test_rows_without_keys(target);
  test_large_scores(target);
}

}  // namespace test
