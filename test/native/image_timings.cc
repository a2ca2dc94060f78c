// Layers of ResNet-18 at batch 8 (3x3 and stem), MobileNetV3-small's depthwise ones at batch 32, and pooling.
// FLOP of convolutions count a multiply and an add for every tap, channel and place, padding included; bytes
// of pooling are those read and written once.
#include "ops/pool.h"
#include "session/conv_grids.h"
#include "timings.h"

namespace timings {
namespace {

/// Images [N, size, size, C] to M channels; depthwise where groups are as many.
struct Layer {
  const char* name;
  int64_t N, size, C, M, kernel, stride, groups;
};

constexpr Layer kLayers[] = {
    {"stem", 8, 224, 3, 64, 7, 2, 1},          {"layer1", 8, 56, 64, 64, 3, 1, 1},
    {"layer2 first", 8, 56, 64, 128, 3, 2, 1}, {"layer2", 8, 28, 128, 128, 3, 1, 1},
    {"layer3", 8, 14, 256, 256, 3, 1, 1},      {"layer4", 8, 7, 512, 512, 3, 1, 1},
    {"pointwise", 32, 14, 240, 40, 1, 1, 1},   {"depthwise", 8, 28, 128, 128, 3, 1, 128},
    {"depthwise", 8, 28, 128, 128, 3, 2, 128}, {"depthwise", 32, 112, 16, 16, 3, 2, 16},
    {"depthwise", 32, 56, 72, 72, 3, 2, 72},   {"depthwise", 32, 28, 88, 88, 3, 1, 88},
    {"depthwise", 32, 28, 96, 96, 5, 2, 96},   {"depthwise", 32, 14, 240, 240, 5, 1, 240},
    {"depthwise", 32, 7, 576, 576, 5, 1, 576},
};

custom_op::Window window(const Layer& l) {
  custom_op::Window w;
  w.strides = {l.stride, l.stride};
  w.pads = {l.kernel / 2, l.kernel / 2};
  w.kernel = {l.kernel, l.kernel};
  w.image = {l.size, l.size};
  const int64_t out = (l.size - 1) / l.stride + 1;
  w.out = {out, out};
  return w;
}

/// y = convolution of x, with the filters packed first.
std::vector<Phase> convolve(const Kernels& k, const Layer& l, const custom_op::ConvGrids& grids,
                            const float* x, int64_t size, float* y, int64_t out, const float* filters,
                            float* packed, bool back) {
  const int64_t count = static_cast<int64_t>(grids.grids.size()), taps = l.kernel * l.kernel;
  if (l.groups == l.C)
    return {phase(k.depthwise_pack, DepthwisePack{filters, nullptr, l.C, taps, packed}),
            scratch_phase(k.depthwise, Depthwise{x, l.N, size, size, l.C, y, out, out, grids.grids.data(),
                                                 count, packed, taps, nullptr})};
  const int64_t C = (back ? l.M : l.C) / l.groups, M = (back ? l.C : l.M) / l.groups;
  return {phase(k.conv_pack, ConvPack{filters, l.groups, l.M / l.groups, l.C / l.groups, taps, back, packed}),
          scratch_phase(k.conv, Conv{x, l.N, size, size, l.groups, C, M, y, out, out, grids.grids.data(),
                                     count, packed, taps, nullptr, C < 8 && !back, nullptr})};
}

template <class Args>
std::vector<Phase> sum_weights(Args args, std::vector<float>& partials, void (*sum)(const Args&, int64_t),
                               void (*total)(const Args&, int64_t)) {
  partials.resize(static_cast<size_t>(partial_floats(args)));
  args.partials = partials.data();
  return {scratch_phase(sum, args), phase(total, args, total_chunks(args))};
}

void time_layer(const Kernels& k, const Layer& l) {
  const custom_op::Window w = window(l);
  custom_op::ConvGrids forward, backward;
  forward.forward(w);
  backward.backward(w);
  std::vector<float> x = numbers(l.N * w.image.count() * l.C), y = numbers(l.N * w.out.count() * l.M),
                     filters = numbers(l.M * (l.C / l.groups) * w.kernel.count()), dw(filters),
                     packed(2 * filters.size() + 200 * static_cast<size_t>(w.kernel.count() + 1) * 64),
                     partials;
  const double flop =
      2.0 * static_cast<double>(l.N * w.out.count() * w.kernel.count() * l.C * l.M / l.groups);
  const auto name = [&](const char* op) {
    return std::string(op) + l.name + " " + std::to_string(l.size) + " " + std::to_string(l.C) + "-" +
           std::to_string(l.M) + (l.stride > 1 ? "/2" : "");
  };
  report(name("").c_str(), flop,
         convolve(k, l, forward, x.data(), l.size, y.data(), w.out.h, filters.data(), packed.data(), false),
         "FLOP");
  report(name("dx ").c_str(), flop,
         convolve(k, l, backward, y.data(), w.out.h, x.data(), l.size, filters.data(), packed.data(), true),
         "FLOP");
  const ConvGrid* grid = forward.grids.data();
  report(name("dw ").c_str(), flop,
         l.groups == l.C ? sum_weights(DepthwiseWeight{x.data(), l.N, l.size, l.size, l.C, y.data(), grid,
                                                       nullptr, dw.data(), nullptr, nullptr},
                                       partials, k.depthwise_weight, k.depthwise_weight_total)
                         : sum_weights(ConvWeight{x.data(), l.N, l.size, l.size, l.groups, l.C / l.groups,
                                                  l.M / l.groups, y.data(), grid, l.C / l.groups < 8, nullptr,
                                                  dw.data(), nullptr, nullptr},
                                       partials, k.conv_weight, k.conv_weight_total),
         "FLOP");
}

/// ResNet's pooling of the stem.
void time_pooling(const Kernels& k) {
  const Layer l{"pool", 8, 112, 64, 64, 3, 2, 64};
  const custom_op::Window w = window(l);
  custom_op::ConvGrids forward, backward;
  forward.forward(w);
  backward.backward(w);
  const std::vector<float> weights = w.mean_weights(false);
  const int64_t n = l.N * w.image.count() * l.C, m = l.N * w.out.count() * l.C;
  std::vector<float> x = numbers(n), y(static_cast<size_t>(m)), dy = numbers(m), dx(x);
  const auto pool = [&](PoolKind kind) {
    return scratch_phase(k.pool, Pool{x.data(), l.N, l.size, l.size, l.C, y.data(), w.out.h, w.out.w,
                                      forward.grids.data(), 1, kind, 0, nullptr, nullptr});
  };
  const double f = sizeof(float), floats = static_cast<double>(n), out = static_cast<double>(m);
  report("AveragePool 112 64/2", f * (floats + out), {pool(PoolKind::kMean)});
  report("AveragePoolGrad", f * (floats + out),
         {scratch_phase(k.pool, Pool{dy.data(), l.N, w.out.h, w.out.w, l.C, dx.data(), l.size, l.size,
                                     backward.grids.data(), static_cast<int64_t>(backward.grids.size()),
                                     PoolKind::kSpread, 0, weights.data(), nullptr})});
  report("MaxPool", f * (floats + out), {pool(PoolKind::kMax)});
  report("MaxPoolGrad", f * (2 * floats + 2 * out),
         {scratch_phase(k.max_pool_grad, MaxPoolGrad{dy.data(), x.data(), y.data(), l.N, l.size, l.size, l.C,
                                                     forward.grids.data(), dx.data(), nullptr})});
}

}  // namespace

void time_images(const Kernels& k) {
  for (const Layer& layer : kLayers) time_layer(k, layer);
  time_pooling(k);
}

}  // namespace timings
