// Pooling and its gradients against plain loops: the largest to the bit, with ties and NaNs; means in double
// precision.
#include "ops/pool.h"

#include "windows.h"

namespace test {

using namespace ortune;

namespace {

/// Rounded, so that windows have several equal largest elements; a NaN here and there where wanted.
void fill_image(Floats& x, bool with_nan) {
  x.fill(1, 2);
  for (int64_t i = 0; i < x.size(); ++i) x[i] = roundf(x[i]);
  if (with_nan)
    for (int64_t i = 5; i < x.size(); i += 37) x[i] = NAN;
}

int64_t out_floats(const WindowCase& of, int64_t C) { return of.images * of.window().out.count() * C; }

/// y of a pool by the forward grid.
void forward(const Target& target, Order order, const WindowCase& of, int64_t C, Floats& x, PoolKind kind,
             int64_t divisor, Floats& y) {
  const custom_op::Window w = of.window();
  custom_op::ConvGrids grids;
  grids.forward(w);
  run_with_scratch(order, target.kernels.pool,
                   Pool{x.data(), of.images, of.height, of.width, C, y.data(), w.out.h, w.out.w,
                        grids.grids.data(), 1, kind, divisor, nullptr, nullptr});
}

void test_max(const Target& target, const WindowCase& of, int64_t C, bool with_nan) {
  const std::string what = target.name + (with_nan ? " max_pool with NaN " : " max_pool ") + of.label() +
                           " channels " + std::to_string(C);
  const int64_t places = of.images * of.height * of.width, n = out_floats(of, C);
  const custom_op::Window w = of.window();
  custom_op::ConvGrids grids;
  grids.forward(w);
  const auto produce = [&](Order order, int offset) {
    Floats x(places * C, offset), y(n, offset), dy(n, offset), dx(places * C, offset);
    fill_image(x, with_nan);
    dy.fill(2);
    forward(target, order, of, C, x, PoolKind::kMax, 0, y);
    run_with_scratch(order, target.kernels.max_pool_grad,
                     MaxPoolGrad{dy.data(), x.data(), y.data(), of.images, of.height, of.width, C,
                                 grids.grids.data(), dx.data(), nullptr});
    check(y.guarded() && dx.guarded(), what + ": writes its range only");
    std::vector<float> out = y.copy();
    for (int64_t i = 0; i < dx.size(); ++i) out.push_back(dx[i]);
    return out;
  };
  const std::vector<float> got = stable(what, produce);
  Floats x(places * C, 0), dy(n, 0);
  fill_image(x, with_nan);
  dy.fill(2);
  std::vector<double> y(static_cast<size_t>(n), -INFINITY), dx(static_cast<size_t>(places * C));
  std::vector<int64_t> from(static_cast<size_t>(n), -1);
  each_tap(of, [&](int64_t o, int64_t p, int64_t) {
    for (int64_t c = 0; c < C; ++c) {
      double& largest = y[static_cast<size_t>(o * C + c)];
      const float here = x[p * C + c];
      if (isnan(largest) || (!isnan(here) && here <= largest)) continue;
      largest = here;
      from[static_cast<size_t>(o * C + c)] = p * C + c;
    }
  });
  for (int64_t i = 0; i < n; ++i)
    if (from[static_cast<size_t>(i)] >= 0) dx[static_cast<size_t>(from[static_cast<size_t>(i)])] += dy[i];
  bool equal = true;
  for (int64_t i = 0; i < n; ++i) {
    const double want = y[static_cast<size_t>(i)], value = got[static_cast<size_t>(i)];
    equal = equal && (value == want || (isnan(value) && isnan(want)));
  }
  check(equal, what + ": y");
  check_close(what + ": dx", got.data() + n, dx, 1e-6, 1e-6);
}

void test_mean(const Target& target, const WindowCase& of, int64_t C, bool padded) {
  const std::string what = target.name + (padded ? " average_pool padded " : " average_pool ") + of.label() +
                           " channels " + std::to_string(C);
  const int64_t places = of.images * of.height * of.width, n = out_floats(of, C);
  const custom_op::Window w = of.window();
  custom_op::ConvGrids back;
  back.backward(w);
  const std::vector<float> weights = w.mean_weights(padded);
  const auto produce = [&](Order order, int offset) {
    Floats x(places * C, offset), y(n, offset), dy(n, offset), dx(places * C, offset);
    x.fill(1);
    dy.fill(2);
    forward(target, order, of, C, x, PoolKind::kMean, padded ? w.kernel.count() : 0, y);
    run_with_scratch(
        order, target.kernels.pool,
        Pool{dy.data(), of.images, w.out.h, w.out.w, C, dx.data(), of.height, of.width, back.grids.data(),
             static_cast<int64_t>(back.grids.size()), PoolKind::kSpread, 0, weights.data(), nullptr});
    check(y.guarded() && dx.guarded(), what + ": writes its range only");
    std::vector<float> out = y.copy();
    for (int64_t i = 0; i < dx.size(); ++i) out.push_back(dx[i]);
    return out;
  };
  const std::vector<float> got = stable(what, produce);
  Floats x(places * C, 0), dy(n, 0);
  x.fill(1);
  dy.fill(2);
  std::vector<double> y(static_cast<size_t>(n)), dx(static_cast<size_t>(places * C));
  std::vector<int64_t> counted(static_cast<size_t>(n / C), padded ? w.kernel.count() : 0);
  if (!padded) each_tap(of, [&](int64_t o, int64_t, int64_t) { ++counted[static_cast<size_t>(o)]; });
  each_tap(of, [&](int64_t o, int64_t p, int64_t) {
    const double share = 1.0 / static_cast<double>(counted[static_cast<size_t>(o)]);
    for (int64_t c = 0; c < C; ++c) {
      y[static_cast<size_t>(o * C + c)] += x[p * C + c] * share;
      dx[static_cast<size_t>(p * C + c)] += dy[o * C + c] * share;
    }
  });
  check_close(what + ": y", got.data(), y, 1e-6, 2e-6);
  check_close(what + ": dx", got.data() + n, dx, 1e-6, 2e-6);
}

void test_case(const Target& target, const WindowCase& of, int64_t C) {
  for (bool either : {false, true}) {
    test_max(target, of, C, either);
    test_mean(target, of, C, either);
  }
}

/// What attributes of a file may say and no kernel can walk is refused, both ways, before anything of that
/// size is made.
void test_impossible_windows() {
  const int64_t lowest = INT64_MIN, highest = INT64_MAX;
  const auto refused = [](const char* what, void (*change)(custom_op::Window&, int64_t), int64_t value) {
    for (const bool forward : {true, false}) {
      custom_op::Window window = WindowCase{1, 9, 9, {3, 3}}.window();
      change(window, value);
      custom_op::ConvGrids grids;
      bool threw = false;
      try {
        forward ? grids.forward(window) : grids.backward(window);
      } catch (const std::invalid_argument&) {
        threw = true;
      }
      check(threw && grids.taps.capacity() < 1000, std::string(what) + " of " + std::to_string(value));
    }
  };
  for (const int64_t value : {lowest, lowest + 1, highest, -(int64_t{1} << 31), int64_t{1} << 31}) {
    refused(
        "pads", [](custom_op::Window& w, int64_t v) { w.pads.h = v; }, value);
    refused(
        "strides", [](custom_op::Window& w, int64_t v) { w.strides.w = v; }, value);
    refused(
        "dilations", [](custom_op::Window& w, int64_t v) { w.dilations.h = v; }, value);
    refused(
        "kernel", [](custom_op::Window& w, int64_t v) { w.kernel.w = v; }, value);
    refused(
        "output", [](custom_op::Window& w, int64_t v) { w.out.h = v; }, value);
    refused(
        "image", [](custom_op::Window& w, int64_t v) { w.image.w = v; }, value);
  }
  refused(
      "taps",
      [](custom_op::Window& w, int64_t v) {
        w.kernel = {v, v};
      },
      1025);
  refused(
      "reach", [](custom_op::Window& w, int64_t v) { w.dilations.w = v; }, int64_t{1} << 29);
}

}  // namespace

void test_pool(const Target& target) {
  test_impossible_windows();
  for (const WindowCase& of : kWindowCases)
    for (int64_t C : {1, 3, 7, 8, 17, 65}) test_case(target, of, C);
  // Several blocks of rows, and blocks of several images.
  test_case(target, {2, 37, 41, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}}, 33);
  test_case(target, {2, 41, 37, {5, 3}, {1, 1}, {1, 1}, {2, 1}, {2, 1}}, 33);
  test_case(target, {9, 7, 7, {7, 7}}, 130);
}

}  // namespace test
