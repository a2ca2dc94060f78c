// Geometry of a window that moves over images in two axes, and the grids of places that its kernels walk.
// With xp the padded input, y[o] = sum over k of W[k] xp[o stride + k dilation]; so the gradient of an input
// place i has a term for every tap k with (i + pad - k dilation) divisible by the stride.
#pragma once

#include <vector>

#include "ops/conv.h"

namespace custom_op {

/// height and width, in this order.
struct Pair {
  int64_t h, w;
  int64_t count() const { return h * w; }
};

struct Window {
  Pair strides{1, 1}, dilations{1, 1}, pads{};  // pads before the image; those behind follow from the sizes
  Pair kernel{}, image{}, out{};

  /// For every place of the output, in row order, one over how many taps its mean is of: all, with padding
  /// counted, or those inside the image.
  std::vector<float> mean_weights(bool padded) const {
    std::vector<float> weights;
    for (int64_t i = 0; i < out.h; ++i)
      for (int64_t j = 0; j < out.w; ++j) {
        const int64_t inside = taps_inside(i * strides.h - pads.h, kernel.h, dilations.h, image.h) *
                               taps_inside(j * strides.w - pads.w, kernel.w, dilations.w, image.w);
        weights.push_back(1.0f / static_cast<float>(padded ? kernel.count() : ortune::at_least_one(inside)));
      }
    return weights;
  }

 private:
  static int64_t taps_inside(int64_t first, int64_t taps, int64_t dilation, int64_t length) {
    int64_t inside = 0;
    for (int64_t t = 0; t < taps; ++t) {
      const int64_t at = first + t * dilation;
      inside += at >= 0 && at < length;
    }
    return inside;
  }
};

/// Grids with the taps they point to. Not to be copied.
struct ConvGrids {
  std::vector<ortune::ConvTap> taps;
  std::vector<ortune::ConvGrid> grids;
  ConvGrids() = default;
  ConvGrids(const ConvGrids&) = delete;
  ConvGrids& operator=(const ConvGrids&) = delete;

  /// Every place of the output, every tap.
  void forward(const Window& w) {
    add({w.out.h, w.out.w, 0, 0, 1, 1, w.strides.h, w.strides.w, nullptr, 0}, w.kernel.count());
    for (int64_t h = 0; h < w.kernel.h; ++h)
      for (int64_t k = 0; k < w.kernel.w; ++k)
        put(h * w.dilations.h - w.pads.h, k * w.dilations.w - w.pads.w, h * w.kernel.w + k);
    point();
  }

  /// The places of the image, by their remainders of the strides.
  void backward(const Window& w) {
    for (int64_t h = 0; h < w.strides.h && h < w.image.h; ++h)
      for (int64_t k = 0; k < w.strides.w && k < w.image.w; ++k) {
        const int64_t first = static_cast<int64_t>(taps.size());
        for (int64_t y = 0; y < w.kernel.h; ++y)
          for (int64_t x = 0; x < w.kernel.w; ++x) {
            const int64_t th = h + w.pads.h - y * w.dilations.h, tw = k + w.pads.w - x * w.dilations.w;
            if (th % w.strides.h == 0 && tw % w.strides.w == 0)
              put(th / w.strides.h, tw / w.strides.w, y * w.kernel.w + x);
          }
        add({ortune::ceil_div(w.image.h - h, w.strides.h), ortune::ceil_div(w.image.w - k, w.strides.w), h, k,
             w.strides.h, w.strides.w, 1, 1, nullptr, 0},
            static_cast<int64_t>(taps.size()) - first);
      }
    point();
  }

 private:
  void add(ortune::ConvGrid grid, int64_t tap_count) {
    grid.tap_count = tap_count;
    grids.push_back(grid);
  }
  void put(int64_t h, int64_t w, int64_t filter) {
    taps.push_back({static_cast<int32_t>(h), static_cast<int32_t>(w), static_cast<int32_t>(filter)});
  }
  void point() {
    const ortune::ConvTap* at = taps.data();
    for (ortune::ConvGrid& grid : grids) {
      grid.taps = at;
      at += grid.tap_count;
    }
  }
};

}  // namespace custom_op
