// Convolution of channels-last images and its gradients, by the table of addresses (ops/conv.h) and, where
// every channel has one filter, by the depthwise kernels (ops/depthwise.h), against plain loops in double
// precision.
#include "ops/conv.h"

#include "ops/conv_panels.h"
#include "ops/depthwise.h"
#include "windows.h"

namespace test {

using namespace ortune;

namespace {

/// Channels of the image and of the result.
struct Channels {
  int64_t groups, C, M;
};

/// Each tap by itself, the taps of a row of the filter as one, or all; by packed panels; or the kernels for
/// one channel a group.
enum class Method { kTable, kRow, kAll, kPanels, kDepthwise };
const char* name(Method method) {
  const char* const names[] = {"conv", "conv by rows", "conv of all taps", "conv panels", "depthwise"};
  return names[static_cast<int>(method)];
}

struct Operands {
  Floats x, w, bias, dy;
  Operands(const WindowCase& of, Channels c, int offset)
      : x(of.images * of.height * of.width * c.C, offset),
        w(c.M * (c.C / c.groups) * of.kernel.count(), offset),
        bias(c.M, offset),
        dy(of.images * of.window().out.count() * c.M, offset) {
    x.fill(1);
    w.fill(2);
    bias.fill(3);
    dy.fill(4);
  }
};

/// y, dx, dw and dbias, one after the other.
struct Results {
  std::vector<double> y, dx, dw, dbias;
};

Results reference(const WindowCase& of, Channels c) {
  Operands in(of, c, 0);
  const int64_t taps = of.kernel.count(), C = c.C / c.groups, M = c.M / c.groups;
  const auto zeros = [](Floats& like) { return std::vector<double>(static_cast<size_t>(like.size())); };
  Results out = {zeros(in.dy), zeros(in.x), zeros(in.w), zeros(in.bias)};
  for (int64_t i = 0; i < in.dy.size(); ++i) {
    out.y[static_cast<size_t>(i)] = in.bias[i % c.M];
    out.dbias[static_cast<size_t>(i % c.M)] += in.dy[i];
  }
  each_tap(of, [&](int64_t o, int64_t p, int64_t t) {
    for (int64_t m = 0; m < c.M; ++m)
      for (int64_t k = 0; k < C; ++k) {
        const int64_t y = o * c.M + m, x = p * c.C + m / M * C + k, w = (m * C + k) * taps + t;
        out.y[static_cast<size_t>(y)] += static_cast<double>(in.x[x]) * in.w[w];
        out.dx[static_cast<size_t>(x)] += static_cast<double>(in.dy[y]) * in.w[w];
        out.dw[static_cast<size_t>(w)] += static_cast<double>(in.dy[y]) * in.x[x];
      }
  });
  return out;
}

/// The kernels of one method over one window, writing y, dx, dw and dbias.
struct Convolution {
  const Kernels& kernels;
  const Order order;
  const WindowCase& of;
  const Channels c;
  const Method method;
  const int offset;
  bool guarded = true;

  /// y from x by the grids.
  void convolve(const custom_op::ConvGrids& grids, Floats& from, custom_op::Pair size, int64_t C, Floats& to,
                custom_op::Pair out, int64_t M, Floats& w, const float* bias, bool back) {
    const int64_t count = static_cast<int64_t>(grids.grids.size()), taps = of.kernel.count(),
                  groups = c.groups;
    if (method == Method::kDepthwise) {
      DepthwisePack pack{w.data(), bias, C, taps, nullptr};
      Floats packed(packed_floats(pack), offset);
      pack.packed = packed.data();
      run(order, kernels.depthwise_pack, pack);
      run_with_scratch(order, kernels.depthwise,
                       Depthwise{from.data(), of.images, size.h, size.w, C, to.data(), out.h, out.w,
                                 grids.grids.data(), count, packed.data(), taps, nullptr});
      guarded = guarded && packed.guarded();
      return;
    }
    ConvPack pack{w.data(), groups, c.M / groups, c.C / groups, taps, back, nullptr};
    if (method == Method::kPanels) {
      Floats packed(packed_floats(ConvPanelsPack{pack}), offset);
      pack.packed = packed.data();
      run(order, kernels.conv_panels_pack, ConvPanelsPack{pack});
      run_with_scratch(
          order, kernels.conv_panels,
          ConvPanels{{from.data(), of.images, size.h, size.w, groups, C / groups, M / groups, to.data(),
                      out.h, out.w, grids.grids.data(), count, packed.data(), taps, bias, false, nullptr}});
      guarded = guarded && packed.guarded();
      return;
    }
    Floats packed(packed_floats(pack), offset);
    pack.packed = packed.data();
    run(order, kernels.conv_pack, pack);
    const int64_t joined = back ? 1 : taps_in_run();
    run_with_scratch(
        order, kernels.conv,
        Conv{from.data(), of.images, size.h, size.w, groups, C / groups, M / groups, to.data(), out.h, out.w,
             grids.grids.data(), count, packed.data(), taps, bias, joined, nullptr});
    guarded = guarded && packed.guarded();
  }

  int64_t taps_in_run() const {
    return method == Method::kRow ? of.kernel.w : method == Method::kAll ? of.kernel.count() : 1;
  }

  template <class Args>
  void sum_weights(Args args, void (*sum)(const Args&, int64_t), void (*total)(const Args&, int64_t)) {
    Floats partials(partial_floats(args), offset);
    args.partials = partials.data();
    run_with_scratch(order, sum, args);
    run(order, total, args, total_chunks(args));
    guarded = guarded && partials.guarded();
  }

  void sum_weights(const custom_op::ConvGrids& grids, Operands& in, float* dw, float* dbias) {
    const ConvGrid* grid = grids.grids.data();
    if (method == Method::kDepthwise)
      return sum_weights(DepthwiseWeight{in.x.data(), of.images, of.height, of.width, c.C, in.dy.data(), grid,
                                         nullptr, dw, dbias, nullptr},
                         kernels.depthwise_weight, kernels.depthwise_weight_total);
    sum_weights(ConvWeight{in.x.data(), of.images, of.height, of.width, c.groups, c.C / c.groups,
                           c.M / c.groups, in.dy.data(), grid, taps_in_run(), nullptr, dw, dbias, nullptr},
                kernels.conv_weight, kernels.conv_weight_total);
  }
};

void test_case(const Target& target, const WindowCase& of, Channels c, Method method) {
  const std::string what = target.name + " " + name(method) + " " + of.label() + " channels " +
                           std::to_string(c.C) + " to " + std::to_string(c.M) + " in " +
                           std::to_string(c.groups);
  const custom_op::Window w = of.window();
  custom_op::ConvGrids forward, backward;
  forward.forward(w);
  backward.backward(w);
  const auto produce = [&](Order order, int offset) {
    Operands in(of, c, offset);
    Floats y(in.dy.size(), offset), dx(in.x.size(), offset), dw(in.w.size(), offset), dbias(c.M, offset),
        alone(c.M, offset);
    Convolution conv{target.kernels, order, of, c, method, offset};
    conv.convolve(forward, in.x, w.image, c.C, y, w.out, c.M, in.w, in.bias.data(), false);
    conv.convolve(backward, in.dy, w.out, c.M, dx, w.image, c.C, in.w, nullptr, true);
    conv.sum_weights(forward, in, dw.data(), dbias.data());
    conv.sum_weights(forward, in, nullptr, alone.data());
    check(same_bits(dbias.copy(), alone.copy()), what + ": dbias alone");
    check(conv.guarded && y.guarded() && dx.guarded() && dw.guarded() && dbias.guarded(),
          what + ": writes its range only");
    std::vector<float> out;
    for (Floats* part : {&y, &dx, &dw, &dbias})
      for (int64_t i = 0; i < part->size(); ++i) out.push_back((*part)[i]);
    return out;
  };
  const std::vector<float> got = stable(what, produce);
  const Results want = reference(of, c);
  const float* at = got.data();
  const auto compare = [&](const char* part, const std::vector<double>& values, int64_t terms) {
    check_close(what + " " + part, at, values, 1e-6, 1e-6 + 1e-7 * static_cast<double>(terms));
    at += values.size();
  };
  const int64_t places = of.images * w.out.count();
  compare("y", want.y, c.C / c.groups * w.kernel.count());
  compare("dx", want.dx, c.M / c.groups * w.kernel.count());
  compare("dw", want.dw, places);
  compare("dbias", want.dbias, places);
}

}  // namespace

void test_conv(const Target& target) {
  const Channels few[] = {{1, 1, 3}, {1, 7, 5}, {2, 6, 14}, {4, 12, 8}};
  for (const WindowCase& of : kWindowCases)
    for (Channels c : few)
      for (Method method : {Method::kTable, Method::kRow, Method::kAll, Method::kPanels})
        test_case(target, of, c, method);
  // More than a block of columns, of taps, of places.
  const WindowCase small{1, 4, 3, {5, 5}, {1, 1}, {1, 1}, {2, 2}, {2, 2}}, point{1, 3, 3, {1, 1}},
      large{2, 41, 37, {3, 3}, {1, 2}, {1, 1}, {1, 0}, {1, 1}};
  for (Channels c : {Channels{1, 130, 97}, Channels{2, 34, 130}, Channels{1, 65, 17}})
    test_case(target, small, c, Method::kTable);
  for (Channels c : {Channels{1, 130, 97}, Channels{2, 34, 130}, Channels{1, 65, 389}})
    test_case(target, small, c, Method::kPanels);
  test_case(target, large, {1, 40, 33}, Method::kPanels);
  test_case(target, point, {1, 97, 130}, Method::kTable);
  test_case(target, point, {1, 2000, 3}, Method::kTable);
  test_case(target, large, {1, 3, 17}, Method::kRow);
  test_case(target, large, {1, 3, 17}, Method::kAll);
  test_case(target, large, {1, 9, 17}, Method::kTable);
}

void test_depthwise(const Target& target) {
  for (const WindowCase& of : kWindowCases)
    for (int64_t C : {1, 3, 5, 7, 8, 17, 65}) test_case(target, of, {C, C, C}, Method::kDepthwise);
  const WindowCase small{2, 4, 3, {5, 5}, {1, 1}, {1, 1}, {2, 2}, {2, 2}};
  for (int64_t C : {97, 130, 200, 389}) test_case(target, small, {C, C, C}, Method::kDepthwise);
  // Several blocks of rows, and blocks of several images.
  test_case(target, {2, 37, 41, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {0, 1}}, {65, 65, 65}, Method::kDepthwise);
  test_case(target, {2, 41, 37, {5, 3}, {1, 1}, {1, 1}, {2, 1}, {2, 1}}, {33, 33, 33}, Method::kDepthwise);
  test_case(target, {9, 7, 7, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}}, {200, 200, 200}, Method::kDepthwise);
}

}  // namespace test
