// Kernels of decoders against their formulas in float64: RmsNorm, SwiGlu, Rotary and their gradients.
#include "harness.h"

namespace test {

using namespace ortune;

struct Shape {
  int64_t rows, columns;
};
static const Shape kShapes[] = {{1, 1},    {3, 2},    {9, 17},   {31, 33},
                                {70, 384}, {2, 1025}, {2500, 5}, {1, 40001}};

static std::string label(const Target& target, const char* kernel, std::vector<int64_t> sizes) {
  std::string text = target.name + " " + kernel;
  for (int64_t n : sizes) text += " " + std::to_string(n);
  return text;
}

static void append(std::vector<float>& all, Floats& part) {
  all.insert(all.end(), part.data(), part.data() + part.size());
}

constexpr float kEpsilon = 1e-3f;

/// y, dx and dscale.
static std::vector<double> rms_reference(Floats& x, Floats& scale, Floats& dy, Shape s) {
  const int64_t C = s.columns, n = s.rows * C;
  std::vector<double> out(static_cast<size_t>(2 * n + C));
  for (int64_t r = 0; r < s.rows; ++r) {
    double squares = 0, along = 0;
    for (int64_t c = 0; c < C; ++c) squares += pow(x[r * C + c], 2) / static_cast<double>(C);
    const double root = 1 / sqrt(squares + kEpsilon);
    for (int64_t c = 0; c < C; ++c)
      along += static_cast<double>(dy[r * C + c]) * scale[c] * x[r * C + c] / static_cast<double>(C);
    for (int64_t c = 0; c < C; ++c) {
      const int64_t i = r * C + c;
      const double h = x[i] * root;
      out[static_cast<size_t>(i)] = h * scale[c];
      out[static_cast<size_t>(n + i)] = root * (static_cast<double>(dy[i]) * scale[c] - h * root * along);
      out[static_cast<size_t>(2 * n + c)] += dy[i] * h;
    }
  }
  return out;
}

static void test_rms_norm(const Target& target, Shape s) {
  const std::string what = label(target, "rms_norm", {s.rows, s.columns});
  const int64_t n = s.rows * s.columns, C = s.columns;
  const auto inputs = [&](Floats& x, Floats& scale, Floats& dy) {
    x.fill(1, 2);
    scale.fill(2);
    dy.fill(3);
  };
  const auto produce = [&](Order order, int offset) {
    Floats x(n, offset), scale(C, offset), dy(n, offset), y(n, offset), dx(n, offset), dscale(C, offset);
    inputs(x, scale, dy);
    run(order, target.kernels.rms_norm, RmsNorm{x.data(), scale.data(), y.data(), s.rows, C, kEpsilon});
    RmsNormGrad args{dy.data(), x.data(), scale.data(), dx.data(), nullptr, s.rows, C, kEpsilon};
    Floats partials(chunks(args) * C, offset), alone(chunks(args) * C, offset);
    args.partials = partials.data();
    run(order, target.kernels.rms_norm_grad, args);
    run(order, target.kernels.add_partials, AddPartials{args.partials, dscale.data(), chunks(args), C, C});
    for (const Floats* f : {&y, &dx, &dscale, &partials})
      check(f->guarded(), what + ": writes its range only");
    std::vector<float> out = y.copy();
    append(out, dx);
    append(out, dscale);
    args.dx = nullptr;
    args.partials = alone.data();
    run(order, target.kernels.rms_norm_grad, args);
    check(same_bits(partials.copy(), alone.copy()), what + ": sums without dx");
    args.partials = nullptr;
    args.dx = dy.data();
    run(order, target.kernels.rms_norm_grad, args);
    check(same_bits(dx.copy(), dy.copy()), what + ": in place of dy, without sums");
    run(order, target.kernels.rms_norm, RmsNorm{x.data(), scale.data(), x.data(), s.rows, C, kEpsilon});
    check(same_bits(x.copy(), y.copy()), what + ": in place of x");
    return out;
  };
  const std::vector<float> got = stable(what, produce);
  Floats x(n, 0), scale(C, 0), dy(n, 0);
  inputs(x, scale, dy);
  check_close(what, got.data(), rms_reference(x, scale, dy, s), 1e-5, 2e-5);
}

static void test_swiglu(const Target& target, int64_t n) {
  const std::string what = label(target, "swiglu", {n});
  const auto inputs = [&](Floats& gate, Floats& up, Floats& dy) {
    gate.fill(5, 8);
    up.fill(6);
    dy.fill(7);
    gate[0] = 200;
    gate[n - 1] = -200;
  };
  const auto produce = [&](Order order, int offset) {
    Floats gate(n, offset), up(n, offset), dy(n, offset), y(n, offset), dgate(n, offset), dup(n, offset);
    inputs(gate, up, dy);
    run(order, target.kernels.swiglu, SwiGlu{gate.data(), up.data(), y.data(), n});
    SwiGluGrad args{dy.data(), gate.data(), up.data(), dgate.data(), dup.data(), n};
    run(order, target.kernels.swiglu_grad, args);
    std::vector<float> out = y.copy();
    append(out, dgate);
    append(out, dup);
    for (const Floats* f : {&y, &dgate, &dup}) check(f->guarded(), what + ": writes its range only");
    args.dup = nullptr;
    args.dgate = y.data();
    run(order, target.kernels.swiglu_grad, args);
    check(same_bits(y.copy(), dgate.copy()), what + ": of the gate alone");
    args.dup = dy.data();
    args.dgate = gate.data();
    run(order, target.kernels.swiglu_grad, args);
    check(same_bits(gate.copy(), dgate.copy()) && same_bits(dy.copy(), dup.copy()), what + ": in place");
    return out;
  };
  const std::vector<float> got = stable(what, produce);
  Floats gate(n, 0), up(n, 0), dy(n, 0);
  inputs(gate, up, dy);
  std::vector<double> want(static_cast<size_t>(3 * n));
  for (int64_t i = 0; i < n; ++i) {
    const double g = gate[i], s = 1 / (1 + exp(-g));
    want[static_cast<size_t>(i)] = g * s * up[i];
    want[static_cast<size_t>(n + i)] = dy[i] * static_cast<double>(up[i]) * s * (1 + g * (1 - s));
    want[static_cast<size_t>(2 * n + i)] = dy[i] * g * s;
  }
  check_close(what, got.data(), want, 2e-6, 2e-6);
}

static void test_rotary(const Target& target, int64_t batch, int64_t T, int64_t heads, int64_t d,
                        bool each_sample, bool each_token) {
  const std::string what = label(target, "rotary", {batch, T, heads, d, each_sample, each_token});
  const int64_t n = batch * T * heads * d,
                stride[] = {each_sample ? (each_token ? T : 1) * d : 0, each_token ? d : 0};
  const int64_t angles = (each_sample ? batch : 1) * (each_token ? T : 1) * d;
  const auto produce = [&](Order order, int offset) {
    Floats x(n, offset), cos(angles, offset), sin(angles, offset), y(n, offset), dx(n, offset);
    x.fill(8);
    cos.fill(9);
    sin.fill(10);
    Rotary args{x.data(), cos.data(), sin.data(), y.data(), batch, T, heads, d, {stride[0], stride[1]},
                false};
    run(order, target.kernels.rotary, args);
    std::vector<float> out = y.copy();
    args.transposed = true;
    args.y = dx.data();
    run(order, target.kernels.rotary, args);
    append(out, dx);
    check(y.guarded() && dx.guarded(), what + ": writes its range only");
    args.y = x.data();
    run(order, target.kernels.rotary, args);
    check(same_bits(x.copy(), dx.copy()), what + ": in place");
    return out;
  };
  const std::vector<float> got = stable(what, produce);
  Floats x(n, 0), cos(angles, 0), sin(angles, 0);
  x.fill(8);
  cos.fill(9);
  sin.fill(10);
  std::vector<double> want(static_cast<size_t>(2 * n));
  for (int64_t row = 0; row < batch * T; ++row)
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t i = 0; i < d; ++i) {
        const int64_t at = (row * heads + h) * d, other = (i + d / 2) % d, sign = i < d / 2 ? -1 : 1;
        const int64_t angle = row / T * stride[0] + row % T * stride[1];
        want[static_cast<size_t>(at + i)] = static_cast<double>(x[at + i]) * cos[angle + i] +
                                            static_cast<double>(sign * x[at + other]) * sin[angle + i];
        want[static_cast<size_t>(n + at + i)] =
            static_cast<double>(x[at + i]) * cos[angle + i] -
            static_cast<double>(sign * x[at + other]) * sin[angle + other];
      }
  check_close(what, got.data(), want, 1e-6, 1e-6);
}

void test_decoder(const Target& target) {
  for (Shape s : kShapes) test_rms_norm(target, s);
  for (int64_t n : {1, 15, 17, 300, 40001}) test_swiglu(target, n);
  test_rotary(target, 2, 5, 3, 2, true, true);
  test_rotary(target, 2, 37, 3, 34, true, true);
  test_rotary(target, 3, 19, 1, 64, false, true);
  test_rotary(target, 2, 300, 9, 64, true, false);
}

}  // namespace test
