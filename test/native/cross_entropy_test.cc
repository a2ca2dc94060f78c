// Cross-entropy, both directions, with every combination of its options.
#include <random>

#include "harness.h"

namespace test {

using namespace ortune;

struct Options {
  bool sample_weights, class_weights;
  float smoothing;
};

struct Inputs {
  Inputs(int64_t N, int64_t C, int offset) : logits(N * C, offset), samples(N, offset), classes(C, offset) {
    logits.fill(51, 3);
    samples.fill(52);
    classes.fill(53);
    for (int64_t n = 0; n < N; ++n) samples[n] = n % 5 == 2 ? 0 : fabsf(samples[n]);
    for (int64_t c = 0; c < C; ++c) classes[c] = fabsf(classes[c]);
    std::mt19937_64 bits(54);
    for (int64_t n = 0; n < N; ++n)
      labels.push_back(n % 7 == 3 ? -100 : static_cast<int64_t>(bits() % static_cast<uint64_t>(C)));
  }
  Floats logits, samples, classes;
  std::vector<int64_t> labels;
};

/// Loss, lse and dlogits in double precision, one after the other.
static std::vector<double> reference(Inputs& in, int64_t N, int64_t C, Options o, double dloss) {
  std::vector<double> out(static_cast<size_t>(1 + N + N * C));
  for (int64_t n = 0; n < N; ++n) {
    const float* l = in.logits.data() + n * C;
    double total = 0, all = 0;
    for (int64_t c = 0; c < C; ++c) total += exp(static_cast<double>(l[c]));
    const double lse = log(total);
    out[static_cast<size_t>(1 + n)] = lse;
    const int64_t label = in.labels[static_cast<size_t>(n)];
    if (label == -100) continue;
    const auto weight = [&](int64_t c) { return o.class_weights ? static_cast<double>(in.classes[c]) : 1.0; };
    const double s = o.sample_weights ? in.samples[n] : 1;
    const double target = (1 - static_cast<double>(o.smoothing)) * weight(label);
    const double smooth = static_cast<double>(o.smoothing) / static_cast<double>(C);
    double loss = target * (lse - l[label]);
    for (int64_t c = 0; c < C; ++c) {
      loss += smooth * weight(c) * (lse - l[c]);
      all += weight(c);
    }
    out[0] += s * loss;
    for (int64_t c = 0; c < C; ++c)
      out[static_cast<size_t>(1 + N + n * C + c)] =
          dloss * s *
          (exp(l[c] - lse) * (target + smooth * all) - smooth * weight(c) - (c == label ? target : 0));
  }
  return out;
}

static void test_options(const Target& target, int64_t N, int64_t C, Options o) {
  const std::string what = target.name + " cross_entropy " + std::to_string(N) + "x" + std::to_string(C) +
                           (o.sample_weights ? " sample weights" : "") +
                           (o.class_weights ? " class weights" : "") + (o.smoothing > 0 ? " smoothing" : "");
  const float dloss = 0.37f;
  const auto produce = [&](Order order, int offset) {
    Inputs in(N, C, offset);
    Floats lse(N, offset), dlogits(N * C, offset);
    std::vector<double> row_losses(static_cast<size_t>(N));
    float loss = 0;
    const CrossEntropy args{in.logits.data(),
                            in.labels.data(),
                            o.sample_weights ? in.samples.data() : nullptr,
                            o.class_weights ? in.classes.data() : nullptr,
                            N,
                            C,
                            -100,
                            o.smoothing,
                            lse.data(),
                            row_losses.data(),
                            &loss};
    run(order, target.kernels.cross_entropy, args);
    target.kernels.cross_entropy_total(args, 0);
    run(order, target.kernels.cross_entropy_grad, CrossEntropyGrad{args, dloss, dlogits.data()});
    check(lse.guarded() && dlogits.guarded(), what + ": writes its range only");
    run(order, target.kernels.cross_entropy_grad, CrossEntropyGrad{args, dloss, in.logits.data()});
    check(same_bits(dlogits.copy(), in.logits.copy()), what + ": in place");
    std::vector<float> out = {loss};
    for (Floats* part : {&lse, &dlogits})
      for (int64_t i = 0; i < part->size(); ++i) out.push_back((*part)[i]);
    return out;
  };
  const std::vector<float> got = stable(what, produce);
  Inputs in(N, C, 0);
  check_close(what, got.data(), reference(in, N, C, o, static_cast<double>(dloss)), 2e-6, 2e-6);
}

/// A padded row's garbage must not reach the loss, and a large logit must not overflow.
static void test_extremes(const Target& target) {
  const std::vector<float> logits = {NAN, 1, 2, 1000, -1000, 0, -INFINITY, 0, 0};
  const std::vector<int64_t> labels = {1, 0, 1};
  const std::vector<float> weights = {0, 1, 1};
  std::vector<float> lse(3), dlogits(9);
  std::vector<double> row_losses(3);
  float loss = 0;
  const CrossEntropy args{logits.data(), labels.data(),     weights.data(), nullptr, 3, 3, -100, 0,
                          lse.data(),    row_losses.data(), &loss};
  run(Order::kForward, target.kernels.cross_entropy, args);
  target.kernels.cross_entropy_total(args, 0);
  run(Order::kForward, target.kernels.cross_entropy_grad, CrossEntropyGrad{args, 1, dlogits.data()});
  check_close(target.name + " cross_entropy extremes", &loss, {log(2.0)}, 1e-6, 0);
  check_close(target.name + " cross_entropy_grad extremes", dlogits.data(), {0, 0, 0, 0, 0, 0, 0, -0.5, 0.5},
              1e-6, 1e-30);
}

void test_cross_entropy(const Target& target) {
  const int64_t shapes[][2] = {{1, 2}, {16, 3}, {33, 7}, {9, 17}, {40, 33}, {3, 1000}, {3000, 6}, {2, 30522}};
  for (const auto& shape : shapes)
    for (bool sample_weights : {false, true})
      for (bool class_weights : {false, true})
        for (float smoothing : {0.0f, 0.1f})
          test_options(target, shape[0], shape[1], {sample_weights, class_weights, smoothing});
  test_extremes(target);
}

}  // namespace test
