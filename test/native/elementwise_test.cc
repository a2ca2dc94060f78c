// GELU and its gradients, transpose, dropout.
#include "harness.h"

namespace test {

using namespace ortune;

static const int64_t kSizes[] = {1, 3, 7, 17, 33, 1000, 16384, 40001};

static double slope(double x, bool tanh_form) {
  if (!tanh_form) return 0.5 * erfc(-x / sqrt(2.0)) + x * exp(-x * x / 2) / sqrt(2 * M_PI);
  const double c = sqrt(2 / M_PI), t = tanh(c * (x + 0.044715 * x * x * x));
  return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + 3 * 0.044715 * x * x);
}

static void test_gelu(const Target& target) {
  for (bool tanh_form : {false, true})
    for (int64_t n : kSizes)
      for (double scale : {1.0, 6.0}) {
        const std::string what =
            target.name + " gelu_grad " + (tanh_form ? "tanh " : "erf ") + std::to_string(n);
        const auto produce = [&](Order order, int offset) {
          Floats dy(n, offset), x(n, offset), dx(n, offset);
          dy.fill(1);
          x.fill(2, scale);
          run(order, target.kernels.gelu_grad, GeluGrad{dy.data(), x.data(), dx.data(), n, tanh_form});
          check(dx.guarded(), what + ": writes its range only");
          run(order, target.kernels.gelu_grad, GeluGrad{dy.data(), x.data(), dy.data(), n, tanh_form});
          check(same_bits(dx.copy(), dy.copy()), what + ": in place");
          return dx.copy();
        };
        const std::vector<float> dx = stable(what, produce);
        Floats dy(n, 0), x(n, 0);
        dy.fill(1);
        x.fill(2, scale);
        std::vector<double> want;
        for (int64_t i = 0; i < n; ++i) want.push_back(dy[i] * slope(x[i], tanh_form));
        check_close(what, dx.data(), want, 1e-6, 1e-6);
      }
}

static void test_gelu_extremes(const Target& target) {
  const std::vector<float> x = {-INFINITY, -1e30f, -100, -13.5f, -0.0f, 0.0f, 13.5f, 100, 1e9f, NAN};
  const std::vector<float> dy(x.size(), 1.0f);
  std::vector<float> dx(x.size());
  // The formula itself is inf * 0 beyond float32's range of squares, so only the erf form is asked about
  // 1e30.
  const std::vector<double> want = {0, 0, 0, 0, 0.5, 0.5, 1, 1, 1, NAN};
  run(Order::kForward, target.kernels.gelu_grad,
      GeluGrad{dy.data(), x.data(), dx.data(), static_cast<int64_t>(x.size()), false});
  check_close(target.name + " gelu_grad extremes", dx.data() + 1, {want.begin() + 1, want.end()}, 0, 1e-7);
  run(Order::kForward, target.kernels.gelu_grad,
      GeluGrad{dy.data() + 2, x.data() + 2, dx.data() + 2, static_cast<int64_t>(x.size()) - 2, true});
  check_close(target.name + " gelu_grad tanh extremes", dx.data() + 2, {want.begin() + 2, want.end()}, 0,
              1e-7);
}

static double gelu(double x, bool tanh_form) {
  if (!tanh_form) return 0.5 * x * erfc(-x / sqrt(2.0));
  return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

static void test_bias_gelu(const Target& target, int64_t rows, int64_t columns, bool tanh_form) {
  const std::string what = target.name + " bias_gelu " + (tanh_form ? "tanh " : "erf ") +
                           std::to_string(rows) + "x" + std::to_string(columns);
  const int64_t n = rows * columns;
  const auto fill = [](Floats& x, Floats& bias) {
    x.fill(4, 3.0);
    bias.fill(5);
  };
  const auto produce = [&](Order order, int offset) {
    Floats x(n, offset), bias(columns, offset), y(n, offset);
    fill(x, bias);
    run(order, target.kernels.bias_gelu, BiasGelu{x.data(), bias.data(), y.data(), rows, columns, tanh_form});
    check(y.guarded(), what + ": writes its range only");
    run(order, target.kernels.bias_gelu, BiasGelu{x.data(), bias.data(), x.data(), rows, columns, tanh_form});
    check(same_bits(x.copy(), y.copy()), what + ": in place");
    return y.copy();
  };
  const std::vector<float> y = stable(what, produce);
  Floats x(n, 0), bias(columns, 0);
  fill(x, bias);
  std::vector<double> want;
  for (int64_t i = 0; i < n; ++i)
    want.push_back(gelu(static_cast<double>(x[i] + bias[i % columns]), tanh_form));
  check_close(what, y.data(), want, 2e-6, 1e-6);
}

static void test_bias_gelu_grad(const Target& target, int64_t rows, int64_t columns, bool tanh_form) {
  const std::string what = target.name + " bias_gelu_grad " + (tanh_form ? "tanh " : "erf ") +
                           std::to_string(rows) + "x" + std::to_string(columns);
  const int64_t n = rows * columns;
  const auto fill = [](Floats& dy, Floats& x, Floats& bias) {
    dy.fill(6);
    x.fill(7, 3.0);
    bias.fill(8);
  };
  const auto produce = [&](Order order, int offset) {
    Floats dy(n, offset), x(n, offset), bias(columns, offset), dx(n, offset), dbias(columns, offset);
    fill(dy, x, bias);
    BiasGeluGrad args{dy.data(), x.data(), bias.data(), dx.data(), nullptr, rows, columns, tanh_form};
    Floats partials(chunks(args) * columns, offset);
    args.partials = partials.data();
    run(order, target.kernels.bias_gelu_grad, args);
    run(order, target.kernels.add_partials,
        AddPartials{args.partials, dbias.data(), chunks(args), columns, columns});
    check(dx.guarded() && dbias.guarded() && partials.guarded(), what + ": writes its range only");
    std::vector<float> out = dx.copy();
    args.dx = dy.data();
    run(order, target.kernels.bias_gelu_grad, args);
    check(same_bits(out, dy.copy()), what + ": in place");
    for (int64_t c = 0; c < columns; ++c) out.push_back(dbias[c]);
    return out;
  };
  const std::vector<float> got = stable(what, produce);
  Floats dy(n, 0), x(n, 0), bias(columns, 0);
  fill(dy, x, bias);
  std::vector<double> want(static_cast<size_t>(n + columns));
  for (int64_t i = 0; i < n; ++i) {
    const double dx = dy[i] * slope(static_cast<double>(x[i] + bias[i % columns]), tanh_form);
    want[static_cast<size_t>(i)] = dx;
    want[static_cast<size_t>(n + i % columns)] += dx;
  }
  check_close(what, got.data(), want, 2e-6, 1e-6 * sqrt(static_cast<double>(rows)));
}

static void test_transpose(const Target& target, int64_t rows, int64_t columns) {
  const std::string what = target.name + " transpose " + std::to_string(rows) + "x" + std::to_string(columns);
  const auto produce = [&](Order order, int offset) {
    Floats x(rows * columns, offset), y(rows * columns, offset);
    x.fill(9);
    run(order, target.kernels.transpose, Transpose{x.data(), y.data(), rows, columns});
    check(y.guarded(), what + ": writes its range only");
    return y.copy();
  };
  const std::vector<float> y = stable(what, produce);
  Floats x(rows * columns, 0);
  x.fill(9);
  bool same = true;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c)
      same = same && y[static_cast<size_t>(c * rows + r)] == x[r * columns + c];
  check(same, what);
}

static bool kept(uint32_t i, uint32_t state, uint32_t threshold) {
  uint32_t z = (i + state) * 0x9e3779b1u;
  for (uint32_t add : {0u, 0x7feb352du}) {
    z = z * (2 * z + 1) + add;
    z = z * 65536u + z / 65536u;
  }
  return z * (2 * z + 1) + 0x846ca68bu >= threshold;
}

static void test_dropout(const Target& target) {
  const uint32_t key[4] = {7, 100, 1, 0};
  const uint32_t state = dropout_state(key, 3), threshold = 429496736u;  // 0.1f * 2^32
  for (int64_t n : kSizes) {
    const std::string what = target.name + " dropout " + std::to_string(n);
    const auto produce = [&](Order order, int offset) {
      Floats x(n, offset), y(n, offset);
      x.fill(3);
      run(order, target.kernels.dropout, Dropout{x.data(), y.data(), n, state, threshold, 1 / 0.9f});
      check(y.guarded(), what + ": writes its range only");
      return y.copy();
    };
    const std::vector<float> y = stable(what, produce);
    Floats x(n, 0);
    x.fill(3);
    std::vector<double> want;
    for (int64_t i = 0; i < n; ++i)
      want.push_back(kept(static_cast<uint32_t>(i), state, threshold) ? x[i] * (1 / 0.9f) : 0);
    check_close(what, y.data(), want, 1e-7, 0);
  }
}

/// Mask of n elements as +-1 numbers of mean 0 and variance 1.
static std::vector<double> mask(const Target& target, const uint32_t key[4], uint32_t id, double ratio,
                                int64_t n) {
  std::vector<float> x(static_cast<size_t>(n), 1.0f), y(x.size());
  const uint32_t threshold = static_cast<uint32_t>(ratio * 4294967296.0);
  run(Order::kForward, target.kernels.dropout,
      Dropout{x.data(), y.data(), n, dropout_state(key, id), threshold, 1.0f});
  std::vector<double> centred;
  for (float v : y) centred.push_back((v - (1 - ratio)) / sqrt(ratio * (1 - ratio)));
  return centred;
}

/// |sum of a[i] * b[i + lag]| in standard deviations of what independent masks give.
static double correlation(const std::vector<double>& a, const std::vector<double>& b, size_t lag) {
  double total = 0;
  for (size_t i = 0; i + lag < a.size(); ++i) total += a[i] * b[i + lag];
  return fabs(total) / sqrt(static_cast<double>(a.size() - lag));
}

static void test_dropout_statistics(const Target& target) {
  const int64_t n = 1 << 19;
  for (double ratio : {0.1, 0.5}) {
    const std::string what = target.name + " dropout of " + std::to_string(ratio);
    const uint32_t key[4] = {7, 100, 0, 0};
    const std::vector<double> base = mask(target, key, 3, ratio, n);
    double total = 0;
    for (double v : base) total += v;
    check(fabs(total) < 4.5 * sqrt(static_cast<double>(n)), what + ": keeps the right share");
    for (size_t lag : {1u, 2u, 3u, 8u, 16u, 64u, 128u, 384u, 1536u, 16384u, 49152u, 65536u, 131072u})
      check(correlation(base, base, lag) < 4.5, what + ": independent at distance " + std::to_string(lag));
    for (int part = 0; part < 4; ++part)
      for (uint32_t by : {1u, 2u, 10u}) {
        uint32_t other[4] = {7, 100, 0, 0};
        other[part] += by;
        check(correlation(base, mask(target, other, 3, ratio, n), 0) < 4.5,
              what + ": independent of part " + std::to_string(part) + " of the key");
      }
    for (uint32_t id : {4u, 5u, 8u, 23u})
      check(correlation(base, mask(target, key, id, ratio, n), 0) < 4.5, what + ": independent of the node");
  }
}

void test_elementwise(const Target& target) {
  test_gelu(target);
  test_gelu_extremes(target);
  for (bool tanh_form : {false, true})
    for (int64_t columns : {1, 7, 33, 1000})
      for (int64_t rows : {1, 5, 70}) {
        test_bias_gelu(target, rows, columns, tanh_form);
        test_bias_gelu_grad(target, rows, columns, tanh_form);
      }
  for (int64_t columns : {1, 7, 16, 33, 64, 100})
    for (int64_t rows : {1, 3, 16, 31, 48, 129}) test_transpose(target, rows, columns);
  test_dropout(target);
  test_dropout_statistics(target);
}

}  // namespace test
