// Kernels over rows: gradients of Softmax, LogSoftmax, LayerNormalization and bias.
#include "harness.h"

namespace test {

using namespace ortune;

struct Shape {
  int64_t rows, columns;
};
static const Shape kShapes[] = {{1, 1},    {3, 2},    {5, 3},    {4, 7},    {9, 17},    {31, 33},
                                {257, 64}, {70, 384}, {2, 1025}, {2500, 5}, {5000, 16}, {1, 40001}};

static std::string label(const Target& target, const char* kernel, Shape s) {
  return target.name + " " + kernel + " " + std::to_string(s.rows) + "x" + std::to_string(s.columns);
}

/// Random rows of probabilities, or their logarithms.
static void fill_softmax(Floats& y, Shape s, bool logarithm) {
  y.fill(11, 2);
  for (int64_t r = 0; r < s.rows; ++r) {
    double total = 0;
    for (int64_t c = 0; c < s.columns; ++c) total += exp(static_cast<double>(y[r * s.columns + c]));
    for (int64_t c = 0; c < s.columns; ++c) {
      float& v = y[r * s.columns + c];
      v = static_cast<float>(logarithm ? v - log(total) : exp(static_cast<double>(v)) / total);
    }
  }
}

static void test_softmax(const Target& target, Shape s, bool logarithm) {
  const std::string what = label(target, logarithm ? "log_softmax_grad" : "softmax_grad", s);
  const int64_t n = s.rows * s.columns;
  const float scale = 0.125f;
  const auto produce = [&](Order order, int offset) {
    Floats dy(n, offset), y(n, offset), dx(n, offset);
    dy.fill(12);
    fill_softmax(y, s, logarithm);
    const auto into = [&](float* out) {
      if (logarithm)
        run(order, target.kernels.log_softmax_grad,
            LogSoftmaxGrad{dy.data(), y.data(), out, s.rows, s.columns});
      else
        run(order, target.kernels.softmax_grad,
            SoftmaxGrad{dy.data(), y.data(), out, s.rows, s.columns, scale});
    };
    into(dx.data());
    check(dx.guarded(), what + ": writes its range only");
    into(dy.data());
    check(same_bits(dx.copy(), dy.copy()), what + ": in place");
    return dx.copy();
  };
  const std::vector<float> dx = stable(what, produce);
  Floats dy(n, 0), y(n, 0);
  dy.fill(12);
  fill_softmax(y, s, logarithm);
  std::vector<double> want;
  for (int64_t r = 0; r < s.rows; ++r) {
    double total = 0;
    for (int64_t i = r * s.columns; i < (r + 1) * s.columns; ++i)
      total += logarithm ? dy[i] : static_cast<double>(dy[i]) * y[i];
    for (int64_t i = r * s.columns; i < (r + 1) * s.columns; ++i)
      want.push_back(logarithm ? dy[i] - exp(static_cast<double>(y[i])) * total
                               : scale * y[i] * (dy[i] - total));
  }
  check_close(what, dx.data(), want, 2e-6, logarithm ? 2e-5 : 1e-6);
}

/// dx, dscale and dbias in double precision, one after the other.
static std::vector<double> layer_norm_reference(Floats& dy, Floats& x, Floats& scale, Shape s,
                                                double epsilon) {
  const int64_t C = s.columns;
  std::vector<double> out(static_cast<size_t>(s.rows * C + 2 * C));
  double *dscale = out.data() + s.rows * C, *dbias = dscale + C;
  for (int64_t r = 0; r < s.rows; ++r) {
    double mean = 0, variance = 0, mean_g = 0, mean_gh = 0;
    for (int64_t c = 0; c < C; ++c) mean += x[r * C + c] / static_cast<double>(C);
    for (int64_t c = 0; c < C; ++c) variance += pow(x[r * C + c] - mean, 2) / static_cast<double>(C);
    const double inverse = 1 / sqrt(variance + epsilon);
    for (int64_t c = 0; c < C; ++c) {
      const double h = (x[r * C + c] - mean) * inverse, d = dy[r * C + c], g = d * scale[c];
      mean_g += g / static_cast<double>(C);
      mean_gh += g * h / static_cast<double>(C);
      dscale[c] += d * h;
      dbias[c] += d;
    }
    for (int64_t c = 0; c < C; ++c) {
      const double h = (x[r * C + c] - mean) * inverse;
      out[static_cast<size_t>(r * C + c)] = inverse * (dy[r * C + c] * scale[c] - mean_g - h * mean_gh);
    }
  }
  return out;
}

static void test_layer_norm(const Target& target, Shape s) {
  const std::string what = label(target, "layer_norm_grad", s);
  const int64_t n = s.rows * s.columns, C = s.columns;
  const auto inputs = [&](Floats& dy, Floats& x, Floats& scale) {
    dy.fill(21);
    x.fill(22);
    scale.fill(23);
    for (int64_t i = 0; i < n; ++i) x[i] += 3;
  };
  const auto produce = [&](Order order, int offset) {
    Floats dy(n, offset), x(n, offset), scale(C, offset), dx(n, offset), dscale(C, offset), dbias(C, offset);
    inputs(dy, x, scale);
    LayerNormGrad args{dy.data(), x.data(), scale.data(), dx.data(), nullptr, s.rows, C, 1e-5f};
    Floats partials(chunks(args) * 2 * C, offset), without(chunks(args) * 2 * C, offset);
    args.partials = partials.data();
    run(order, target.kernels.layer_norm_grad, args);
    run(order, target.kernels.add_partials,
        AddPartials{args.partials, dscale.data(), chunks(args), 2 * C, C});
    run(order, target.kernels.add_partials,
        AddPartials{args.partials + C, dbias.data(), chunks(args), 2 * C, C});
    check(dx.guarded() && dscale.guarded() && dbias.guarded() && partials.guarded(),
          what + ": writes its range only");
    std::vector<float> out = dx.copy();
    args.dx = nullptr;
    args.partials = without.data();
    run(order, target.kernels.layer_norm_grad, args);
    check(same_bits(partials.copy(), without.copy()), what + ": sums without dx");
    args.dx = dy.data();
    args.partials = nullptr;
    run(order, target.kernels.layer_norm_grad, args);
    check(same_bits(out, dy.copy()), what + ": in place and without sums");
    for (Floats* sums : {&dscale, &dbias})
      for (int64_t c = 0; c < C; ++c) out.push_back((*sums)[c]);
    return out;
  };
  const std::vector<float> got = stable(what, produce);
  Floats dy(n, 0), x(n, 0), scale(C, 0);
  inputs(dy, x, scale);
  // A row's x is rounded at 3, so a nearly constant row amplifies that by 1 / deviation: few columns are
  // loose.
  check_close(what, got.data(), layer_norm_reference(dy, x, scale, s, 1e-5f), 1e-5, C < 8 ? 2e-2 : 2e-5);
}

static void test_bias(const Target& target, Shape s) {
  const std::string what = label(target, "bias_grad", s);
  const int64_t n = s.rows * s.columns, C = s.columns;
  const auto produce = [&](Order order, int offset) {
    Floats dy(n, offset), db(C, offset);
    dy.fill(31);
    BiasGrad args{dy.data(), nullptr, s.rows, C};
    Floats partials(chunks(args) * C, offset);
    args.partials = partials.data();
    run(order, target.kernels.bias_grad, args);
    run(order, target.kernels.add_partials, AddPartials{args.partials, db.data(), chunks(args), C, C});
    check(db.guarded() && partials.guarded(), what + ": writes its range only");
    return db.copy();
  };
  const std::vector<float> db = stable(what, produce);
  Floats dy(n, 0);
  dy.fill(31);
  std::vector<double> want(static_cast<size_t>(C));
  for (int64_t i = 0; i < n; ++i) want[static_cast<size_t>(i % C)] += dy[i];
  check_close(what, db.data(), want, 1e-6, 1e-7 * sqrt(static_cast<double>(s.rows)) * 4);
}

void test_rows(const Target& target) {
  for (Shape s : kShapes) {
    test_softmax(target, s, false);
    test_softmax(target, s, true);
    test_layer_norm(target, s);
    test_bias(target, s);
  }
}

}  // namespace test
