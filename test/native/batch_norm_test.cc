// Batch normalisation over rows with the activation behind it, its gradient, and activations alone, against
// double precision, in the order of calls that native/session/norm_ops.cc makes.
#include "ops/batch_norm.h"

#include "harness.h"

namespace test {

using namespace ortune;

namespace {

struct Shape {
  int64_t rows, channels;
};
const Shape kShapes[] = {{2, 1},   {3, 2},    {7, 3},    {33, 5},   {50, 16},  {129, 17},
                         {70, 24}, {300, 65}, {97, 130}, {41, 576}, {5, 1025}, {4000, 8}};

struct Kind {
  Activation activation;
  const char* name;
};
const Kind kKinds[] = {{Activation::kNone, "none"},
                       {Activation::kRelu, "relu"},
                       {Activation::kRelu6, "relu6"},
                       {Activation::kHardSigmoid, "hard sigmoid"},
                       {Activation::kHardSwish, "hard swish"},
                       {Activation::kSwish, "swish"}};

double value(Activation kind, double z) {
  const double gate = z <= -3 ? 0 : z >= 3 ? 1 : z / 6 + 0.5;
  switch (kind) {
    case Activation::kNone:
      return z;
    case Activation::kRelu:
      return z > 0 ? z : 0;
    case Activation::kRelu6:
      return z <= 0 ? 0 : z >= 6 ? 6 : z;
    case Activation::kHardSigmoid:
      return gate;
    case Activation::kHardSwish:
      return z * gate;
    case Activation::kSwish:
      return z / (1 + exp(-z));
  }
  return 0;
}

double slope(Activation kind, double z) {
  const double s = 1 / (1 + exp(-z));
  switch (kind) {
    case Activation::kNone:
      return 1;
    case Activation::kRelu:
      return z > 0 ? 1 : 0;
    case Activation::kRelu6:
      return z > 0 && z < 6 ? 1 : 0;
    case Activation::kHardSigmoid:
      return fabs(z) < 3 ? 1.0 / 6 : 0;
    case Activation::kHardSwish:
      return z <= -3 ? 0 : z >= 3 ? 1 : z / 3 + 0.5;
    case Activation::kSwish:
      return s * (1 + z * (1 - s));
  }
  return 0;
}

std::string label(const Target& target, const char* what, Shape s, const char* kind) {
  return target.name + " " + what + " " + std::to_string(s.rows) + "x" + std::to_string(s.channels) + " " +
         kind;
}

constexpr float kEpsilon = 1e-3f, kMomentum = 0.9f, kMean = 40;

/// Everything a test needs; channels have means far from 0, so that squares would cancel.
struct Data {
  Floats x, dy, scale, bias;
  Data(Shape s, int offset)
      : x(s.rows * s.channels, offset),
        dy(s.rows * s.channels, offset),
        scale(s.channels, offset),
        bias(s.channels, offset) {
    x.fill(1, 2);
    dy.fill(2);
    scale.fill(3);
    bias.fill(4);
    for (int64_t i = 0; i < x.size(); ++i) x[i] += kMean;
  }
};

/// y, mean, r, the running averages; then dx and the two sums, given mean and r.
std::vector<float> produce(const Target& target, Shape s, Activation kind, Order order, int offset) {
  Data d(s, offset);
  const int64_t C = s.channels;
  Floats y(d.x.size(), offset), dx(d.x.size(), offset), kept(4 * C, offset), factors(4 * C, offset),
      sums(2 * C, offset);
  Moments moments{d.x.data(), s.rows, C, nullptr};
  Floats partials(chunks(moments) * 2 * C, offset);
  moments.partials = partials.data();
  run(order, target.kernels.moments, moments);
  float *mean = kept.data(), *r = mean + C;
  target.kernels.statistics(
      {moments, kEpsilon, kMomentum, d.bias.data(), d.scale.data(), mean, r, mean + 2 * C, mean + 3 * C}, 0);
  float *a = factors.data(), *b = a + C, *p = a + 2 * C, *q = a + 3 * C;
  for (int64_t c = 0; c < C; ++c) {
    a[c] = d.scale[c] * r[c];
    b[c] = d.bias[c] - mean[c] * a[c];
  }
  run(order, target.kernels.normalise, Normalise{d.x.data(), a, b, y.data(), s.rows, C, kind});
  const NormSums of{d.dy.data(), d.x.data(), a, b, mean, s.rows, C, partials.data(), kind};
  run(order, target.kernels.norm_sums, of);
  run(order, target.kernels.add_partials,
      AddPartials{partials.data(), sums.data(), chunks(of), 2 * C, 2 * C});
  for (int64_t c = 0; c < C; ++c) {
    const float n = static_cast<float>(s.rows);
    p[c] = -a[c] * r[c] * r[c] * sums[C + c] / n;
    q[c] = -a[c] * sums[c] / n - p[c] * mean[c];
  }
  const NormGrad grad{d.dy.data(), d.x.data(), a, b, p, q, dx.data(), s.rows, C, kind};
  run(order, target.kernels.norm_grad, grad);
  for (Floats* out : {&y, &dx, &kept, &sums})
    check(out->guarded(), label(target, "batch norm", s, "") + ": writes its range only");
  std::vector<float> all = y.copy();
  for (Floats* out : {&kept, &dx, &sums}) {
    const std::vector<float> more = out->copy();
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

struct Reference {
  std::vector<double> y, kept, dx, sums;
};

Reference reference(Shape s, Activation kind) {
  Data d(s, 0);
  const int64_t C = s.channels, n = s.rows;
  Reference out;
  out.y.resize(static_cast<size_t>(n * C));
  out.dx.resize(static_cast<size_t>(n * C));
  out.kept.resize(static_cast<size_t>(4 * C));
  out.sums.resize(static_cast<size_t>(2 * C));
  for (int64_t c = 0; c < C; ++c) {
    double mean = 0, squares = 0, g_sum = 0, gd_sum = 0;
    for (int64_t i = 0; i < n; ++i) mean += static_cast<double>(d.x[i * C + c]) / static_cast<double>(n);
    for (int64_t i = 0; i < n; ++i) squares += pow(d.x[i * C + c] - mean, 2);
    const double variance = squares / static_cast<double>(n), r = 1 / sqrt(variance + kEpsilon);
    double* kept = out.kept.data() + c;
    kept[0] = mean;
    kept[C] = r;
    kept[2 * C] = kMomentum * static_cast<double>(d.bias[c]) + (1 - static_cast<double>(kMomentum)) * mean;
    kept[3 * C] = kMomentum * static_cast<double>(d.scale[c]) +
                  (1 - static_cast<double>(kMomentum)) * squares / static_cast<double>(n - 1);
    const auto g = [&](int64_t i) {
      const double z = (d.x[i * C + c] - mean) * r * d.scale[c] + d.bias[c];
      out.y[static_cast<size_t>(i * C + c)] = value(kind, z);
      return d.dy[i * C + c] * slope(kind, z);
    };
    for (int64_t i = 0; i < n; ++i) {
      g_sum += g(i);
      gd_sum += g(i) * (d.x[i * C + c] - mean);
    }
    out.sums[static_cast<size_t>(c)] = g_sum;
    out.sums[static_cast<size_t>(C + c)] = gd_sum;
    for (int64_t i = 0; i < n; ++i)
      out.dx[static_cast<size_t>(i * C + c)] =
          d.scale[c] * r *
          (g(i) - (g_sum + (d.x[i * C + c] - mean) * r * r * gd_sum) / static_cast<double>(n));
  }
  return out;
}

void test_batch_norm(const Target& target, Shape s, Kind kind) {
  const std::string what = label(target, "batch norm", s, kind.name);
  std::vector<float> got = stable(
      what, [&](Order order, int offset) { return produce(target, s, kind.activation, order, offset); });
  const Reference want = reference(s, kind.activation);
  const float* at = got.data();
  // x has means of about kMean, so an element is known to kMean * 2^-24 before it is scaled by r, at most 1 /
  // sqrt(epsilon).
  check_close(what + " y", at, want.y, 2e-5, 4e-4);
  at += want.y.size();
  check_close(what + " statistics", at, want.kept, 2e-5, 1e-5);
  at += want.kept.size();
  check_close(what + " dx", at, want.dx, 2e-4, 2e-3);
  at += want.dx.size();
  check_close(what + " sums", at, want.sums, 2e-4, 2e-3 * sqrt(static_cast<double>(s.rows)));
}

void test_activation(const Target& target, int64_t n, Kind kind) {
  const std::string what = target.name + " activation " + kind.name + " " + std::to_string(n);
  std::vector<float> got = stable(what, [&](Order order, int offset) {
    Floats x(n, offset), dy(n, offset), y(n, offset), dx(n, offset);
    x.fill(5, 3);
    dy.fill(6);
    run(order, target.kernels.activate, Activate{nullptr, x.data(), y.data(), n, kind.activation});
    run(order, target.kernels.activate, Activate{dy.data(), x.data(), dx.data(), n, kind.activation});
    check(y.guarded() && dx.guarded(), what + ": writes its range only");
    std::vector<float> all = y.copy();
    const std::vector<float> more = dx.copy();
    all.insert(all.end(), more.begin(), more.end());
    return all;
  });
  Floats x(n, 0), dy(n, 0);
  x.fill(5, 3);
  dy.fill(6);
  std::vector<double> want;
  for (int64_t i = 0; i < n; ++i) want.push_back(value(kind.activation, x[i]));
  for (int64_t i = 0; i < n; ++i) want.push_back(dy[i] * slope(kind.activation, x[i]));
  check_close(what, got.data(), want, 2e-6, 2e-6);
}

}  // namespace

void test_batch_norm(const Target& target) {
  for (Kind kind : kKinds) {
    for (Shape s : kShapes) test_batch_norm(target, s, kind);
    for (int64_t n : {1, 7, 16, 33, 40001}) test_activation(target, n, kind);
  }
}

}  // namespace test
