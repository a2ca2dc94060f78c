// AdamW and SGD: several steps over ranges with gaps, against double precision; clipping; non-finite
// gradients.
#include "harness.h"
#include "optim/update.h"

namespace test {

using namespace ortune;

namespace {

struct Case {
  bool adamw;
  float max_norm, momentum, nesterov;
};

const std::vector<int64_t> kRanges = {0, 1, 16, 33, 33, 33, 48, 40048, 40064, 40071};
constexpr int64_t kLength = 40100;
constexpr int kSteps = 3;

std::vector<float> hyper_of(const Case& c, int step, int64_t range_count) {
  std::vector<float> hyper;
  for (int64_t r = 0; r < range_count; ++r) {
    const float decay = r % 2 ? 0.0f : 0.05f, lr = 1e-2f;
    if (c.adamw)
      hyper.insert(hyper.end(), {lr, 0.9f, 0.999f, 1e-8f, decay, static_cast<float>(1 - pow(0.9, step)),
                                 static_cast<float>(1 - pow(0.999, step)), 0});
    else
      hyper.insert(hyper.end(),
                   {lr, c.momentum, step == 1 || c.nesterov != 0 ? 0 : 0.2f, c.nesterov, decay, 0, 0, 0});
  }
  return hyper;
}

/// p, first, second and the norm after kSteps, in double precision.
std::vector<double> reference(const Case& c) {
  Floats start(kLength, 0), gradient(kLength, 0);
  start.fill(61);
  std::vector<double> p, m(kLength), v(kLength);
  for (int64_t i = 0; i < kLength; ++i) p.push_back(start[i]);
  double norm = 0;
  for (int step = 1; step <= kSteps; ++step) {
    gradient.fill(static_cast<uint64_t>(62 + step));
    const int64_t count = static_cast<int64_t>(kRanges.size()) / 2;
    const std::vector<float> hyper = hyper_of(c, step, count);
    norm = 0;
    for (int64_t r = 0; r < count; ++r)
      for (int64_t i = kRanges[2 * r]; i < kRanges[2 * r + 1]; ++i) norm += pow(gradient[i], 2);
    norm = sqrt(norm);
    const double clip = c.max_norm > 0 ? fmin(1, c.max_norm / (norm + 1e-6)) : 1;
    for (int64_t r = 0; r < count; ++r)
      for (int64_t i = kRanges[2 * r]; i < kRanges[2 * r + 1]; ++i) {
        const float* h = hyper.data() + r * kHyper;
        const size_t at = static_cast<size_t>(i);
        double g = gradient[i] * clip;
        if (c.adamw) {
          m[at] = h[1] * m[at] + (1 - h[1]) * g;
          v[at] = h[2] * v[at] + (1 - h[2]) * g * g;
          p[at] = p[at] * (1 - h[0] * h[4]) - h[0] * (m[at] / h[5]) / (sqrt(v[at] / h[6]) + h[3]);
        } else {
          g += h[4] * p[at];
          if (h[1] != 0) {
            m[at] = h[1] * m[at] + (1 - h[2]) * g;
            g = h[3] != 0 ? g + h[1] * m[at] : m[at];
          }
          p[at] -= h[0] * g;
        }
      }
  }
  p.insert(p.end(), m.begin(), m.end());
  p.insert(p.end(), v.begin(), v.end());
  p.push_back(norm);
  return p;
}

/// One step over the arenas.
float step_once(const Target& target, Order order, bool adamw, Floats& p, Floats& m, Floats& v, Floats& g,
                const std::vector<float>& hyper, float max_norm) {
  const int64_t count = static_cast<int64_t>(kRanges.size()) / 2;
  std::vector<int64_t> first_chunk(static_cast<size_t>(count + 1));
  std::vector<double> squares(static_cast<size_t>(count_chunks(kRanges.data(), count, first_chunk.data())));
  float norm = 0;
  const Update args{p.data(),     m.data(), v.data(), g.data(),       kRanges.data(), first_chunk.data(),
                    hyper.data(), count,    max_norm, squares.data(), &norm};
  run(order, target.kernels.gradient_norm, args);
  target.kernels.gradient_norm_total(args, 0);
  run(order, adamw ? target.kernels.adamw : target.kernels.sgd, args);
  return norm;
}

void test_case(const Target& target, const Case& c) {
  const std::string what = target.name + (c.adamw ? " adamw" : " sgd") + " max norm " +
                           std::to_string(c.max_norm) + (c.momentum != 0 ? " momentum" : "") +
                           (c.nesterov != 0 ? " nesterov" : "");
  const auto produce = [&](Order order, int offset) {
    Floats p(kLength, offset), m(kLength, offset), v(kLength, offset), g(kLength, offset);
    p.fill(61);
    memset(m.data(), 0, kLength * sizeof(float));
    memset(v.data(), 0, kLength * sizeof(float));
    float norm = 0;
    for (int step = 1; step <= kSteps; ++step) {
      g.fill(static_cast<uint64_t>(62 + step));
      norm = step_once(target, order, c.adamw, p, m, v, g,
                       hyper_of(c, step, static_cast<int64_t>(kRanges.size()) / 2), c.max_norm);
    }
    check(p.guarded() && m.guarded() && v.guarded(), what + ": writes its range only");
    std::vector<float> out = p.copy();
    for (Floats* state : {&m, &v})
      for (int64_t i = 0; i < kLength; ++i) out.push_back((*state)[i]);
    out.push_back(norm);
    return out;
  };
  const std::vector<float> got = stable(what, produce);
  check_close(what, got.data(), reference(c), 2e-6, 5e-7);
}

void test_not_finite(const Target& target) {
  for (bool adamw : {true, false})
    for (float bad : {NAN, INFINITY}) {
      Floats p(kLength, 0), m(kLength, 0), v(kLength, 0), g(kLength, 0);
      p.fill(1);
      m.fill(2);
      v.fill(3);
      g.fill(4)[39000] = bad;
      const std::vector<float> before[] = {p.copy(), m.copy(), v.copy()};
      const Case c{adamw, 1, 0.9f, 0};
      const float norm = step_once(target, Order::kForward, adamw, p, m, v, g,
                                   hyper_of(c, 1, static_cast<int64_t>(kRanges.size()) / 2), 1);
      check(!isfinite(norm), target.name + " norm shows a gradient that is not finite");
      check(
          same_bits(before[0], p.copy()) && same_bits(before[1], m.copy()) && same_bits(before[2], v.copy()),
          target.name + " nothing is updated when a gradient is not finite");
    }
}

}  // namespace

void test_optimizers(const Target& target) {
  for (float max_norm : {0.0f, 1.0f, 1e6f}) {
    test_case(target, {true, max_norm, 0, 0});
    test_case(target, {false, max_norm, 0, 0});
    test_case(target, {false, max_norm, 0.9f, 0});
    test_case(target, {false, max_norm, 0.9f, 1});
  }
  test_not_finite(target);
}

}  // namespace test
