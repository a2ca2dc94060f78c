// Every optimizer: several steps over ranges with gaps, against double precision; clipping; L1 penalties;
// gradients that are not finite.
#include "harness.h"
#include "optim/update.h"

namespace test {

using namespace ortune;

namespace {

enum class Rule { kAdam, kSgd, kRmsprop, kAdadelta, kLion };
constexpr const char* kNames[] = {" adam", " sgd", " rmsprop", " adadelta", " lion"};

struct Case {
  Rule rule;
  float max_norm = 0, momentum = 0, nesterov = 0, coupled = 0, l1 = 0;
};

const std::vector<int64_t> kRanges = {0, 1, 16, 33, 33, 33, 48, 40048, 40064, 40071};
constexpr int64_t kLength = 40100;
constexpr int kSteps = 3;

std::vector<float> hyper_of(const Case& c, int step, int64_t range_count) {
  std::vector<float> hyper;
  for (int64_t r = 0; r < range_count; ++r) {
    const float decay = r % 2 ? 0.0f : 0.05f, lr = 1e-2f;
    std::vector<float> row = {r % 2 ? c.l1 : c.l1 / 2};
    switch (c.rule) {
      case Rule::kAdam:
        row.insert(row.end(),
                   {lr, 0.9f, 0.999f, 1e-8f, c.coupled != 0 ? 0 : decay, c.coupled != 0 ? decay : 0,
                    static_cast<float>(1 - pow(0.9, step)), static_cast<float>(1 - pow(0.999, step))});
        break;
      case Rule::kSgd:
        row.insert(row.end(), {lr, c.momentum, step == 1 || c.nesterov != 0 ? 0 : 0.2f, c.nesterov, decay});
        break;
      case Rule::kRmsprop:
        row.insert(row.end(), {lr, 0.95f, 0.1f, c.momentum, decay});
        break;
      case Rule::kAdadelta:
        row.insert(row.end(), {100 * lr, 0.9f, 1e-4f, decay});
        break;
      case Rule::kLion:
        row.insert(row.end(), {lr, 0.9f, 0.99f, decay});
    }
    row.resize(kHyper);
    hyper.insert(hyper.end(), row.begin(), row.end());
  }
  return hyper;
}

double sign_of(double x) { return (x > 0) - (x < 0); }

/// One element's update in double precision; `h` are the numbers of its optimizer.
void step_element(const Case& c, const float* h, double g, double& p, double& first, double& second) {
  switch (c.rule) {
    case Rule::kAdam:
      g += h[5] * p;
      first = h[1] * first + (1 - h[1]) * g;
      second = h[2] * second + (1 - h[2]) * g * g;
      p = p * (1 - h[0] * h[4]) - h[0] * (first / h[6]) / (sqrt(second / h[7]) + h[3]);
      break;
    case Rule::kSgd:
      g += h[4] * p;
      if (h[1] != 0) {
        first = h[1] * first + (1 - h[2]) * g;
        g = h[3] != 0 ? g + h[1] * first : first;
      }
      p -= h[0] * g;
      break;
    case Rule::kRmsprop:
      g += h[4] * p;
      first = h[1] * first + (1 - h[1]) * g * g;
      g /= sqrt(first) + h[2];
      if (h[3] != 0) g = second = h[3] * second + g;
      p -= h[0] * g;
      break;
    case Rule::kAdadelta: {
      g += h[3] * p;
      first = h[1] * first + (1 - h[1]) * g * g;
      const double change = sqrt(second + h[2]) / sqrt(first + h[2]) * g;
      second = h[1] * second + (1 - h[1]) * change * change;
      p -= h[0] * change;
      break;
    }
    case Rule::kLion:
      p = p * (1 - h[0] * h[3]) - h[0] * sign_of(h[1] * first + (1 - h[1]) * g);
      first = h[2] * first + (1 - h[2]) * g;
  }
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
    const auto each_element = [&](auto f) {
      for (int64_t r = 0; r < count; ++r)
        for (int64_t i = kRanges[2 * r]; i < kRanges[2 * r + 1]; ++i) f(r, static_cast<size_t>(i));
    };
    std::vector<double> gradients(kLength);
    norm = 0;
    each_element([&](int64_t r, size_t i) {
      gradients[i] =
          gradient[static_cast<int64_t>(i)] + hyper[static_cast<size_t>(r * kHyper)] * sign_of(p[i]);
      norm += pow(gradients[i], 2);
    });
    norm = sqrt(norm);
    const double clip = c.max_norm > 0 ? fmin(1, c.max_norm / (norm + 1e-6)) : 1;
    each_element([&](int64_t r, size_t i) {
      step_element(c, hyper.data() + r * kHyper + 1, gradients[i] * clip, p[i], m[i], v[i]);
    });
  }
  p.insert(p.end(), m.begin(), m.end());
  p.insert(p.end(), v.begin(), v.end());
  p.push_back(norm);
  return p;
}

/// One step over the arenas.
float step_once(const Target& target, Order order, Rule rule, Floats& p, Floats& m, Floats& v, Floats& g,
                const std::vector<float>& hyper, float max_norm) {
  const int64_t count = static_cast<int64_t>(kRanges.size()) / 2;
  std::vector<int64_t> first_chunk(static_cast<size_t>(count + 1));
  std::vector<double> squares(static_cast<size_t>(count_chunks(kRanges.data(), count, first_chunk.data())));
  float norm = 0;
  const Update args{p.data(),     m.data(), v.data(), g.data(),       kRanges.data(), first_chunk.data(),
                    hyper.data(), count,    max_norm, squares.data(), &norm};
  run(order, target.kernels.gradient_norm, args);
  target.kernels.gradient_norm_total(args, 0);
  const Kernels& k = target.kernels;
  run(order, std::vector{k.adam, k.sgd, k.rmsprop, k.adadelta, k.lion}[static_cast<size_t>(rule)], args);
  return norm;
}

void test_case(const Target& target, const Case& c) {
  const std::string what = target.name + kNames[static_cast<size_t>(c.rule)] + " max norm " +
                           std::to_string(c.max_norm) + (c.momentum != 0 ? " momentum" : "") +
                           (c.nesterov != 0 ? " nesterov" : "") + (c.coupled != 0 ? " coupled" : "") +
                           (c.l1 != 0 ? " l1" : "");
  const auto produce = [&](Order order, int offset) {
    Floats p(kLength, offset), m(kLength, offset), v(kLength, offset), g(kLength, offset);
    p.fill(61);
    memset(m.data(), 0, kLength * sizeof(float));
    memset(v.data(), 0, kLength * sizeof(float));
    float norm = 0;
    for (int step = 1; step <= kSteps; ++step) {
      g.fill(static_cast<uint64_t>(62 + step));
      norm = step_once(target, order, c.rule, p, m, v, g,
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
  // RMSprop's first changes are four to five long, whatever the gradient.
  check_close(what, got.data(), reference(c), 2e-6, c.rule == Rule::kRmsprop ? 2.5e-6 : 5e-7);
}

void test_not_finite(const Target& target) {
  for (Rule rule : {Rule::kAdam, Rule::kSgd, Rule::kRmsprop, Rule::kAdadelta, Rule::kLion})
    for (float bad : {NAN, INFINITY}) {
      Floats p(kLength, 0), m(kLength, 0), v(kLength, 0), g(kLength, 0);
      p.fill(1);
      m.fill(2);
      v.fill(3);
      g.fill(4)[39000] = bad;
      const std::vector<float> before[] = {p.copy(), m.copy(), v.copy()};
      const Case c{rule, 1, 0.9f};
      const float norm = step_once(target, Order::kForward, rule, p, m, v, g,
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
    test_case(target, {Rule::kAdam, max_norm});
    test_case(target, {Rule::kAdam, max_norm, 0, 0, 1});
    test_case(target, {Rule::kSgd, max_norm});
    test_case(target, {Rule::kSgd, max_norm, 0.9f});
    test_case(target, {Rule::kSgd, max_norm, 0.9f, 1});
    test_case(target, {Rule::kRmsprop, max_norm});
    test_case(target, {Rule::kRmsprop, max_norm, 0.9f});
    test_case(target, {Rule::kAdadelta, max_norm});
    test_case(target, {Rule::kLion, max_norm});
    test_case(target, {Rule::kAdam, max_norm, 0, 0, 0, 0.1f});
    test_case(target, {Rule::kSgd, max_norm, 0.9f, 0, 0, 0.1f});
  }
  test_not_finite(target);
}

}  // namespace test
