// Geometry of a window that moves over images in two axes, and the grids of places that its kernels walk.
// With xp the padded input, y[o] = sum over k of W[k] xp[o stride + k dilation]; so the gradient of an input
// place i has a term for every tap k with (i + pad - k dilation) divisible by the stride.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "ops/conv.h"

namespace custom_op {

/// height and width, in this order.
struct Pair {
  int64_t h, w;
  int64_t count() const { return h * w; }
};

/// Attributes of a file may be any numbers. Within these, places and taps are numbers of 32 bits, products of
/// two of them of 64, and what is made before a kernel runs stays within some hundred megabytes.
constexpr int64_t kMostPlaces = int64_t{1} << 30;
constexpr int64_t kMostTaps = int64_t{1} << 20;

struct Window {
  Pair strides{1, 1}, dilations{1, 1}, pads{};  // pads before the image; those behind follow from the sizes
  Pair kernel{}, image{}, out{};

  /// Throws std::invalid_argument for sizes that no kernel can walk.
  void require_possible() const {
    const auto within = [](const char* what, const Pair& pair, int64_t least, int64_t most) {
      for (const int64_t value : {pair.h, pair.w})
        if (value < least || value > most)
          throw std::invalid_argument(std::string(what) + " of a window is " + std::to_string(value) +
                                      ", expected " + std::to_string(least) + " to " + std::to_string(most));
    };
    within("a stride", strides, 1, kMostPlaces);
    within("a dilation", dilations, 1, kMostPlaces);
    within("a pad", pads, -kMostPlaces, kMostPlaces);
    within("a side of the kernel", kernel, 0, kMostTaps);
    within("a side of the image", image, 0, kMostPlaces);
    within("a side of the output", out, 0, kMostPlaces);
    if (kernel.count() > kMostTaps)
      throw std::invalid_argument("the kernel of a window has " + std::to_string(kernel.h) + " x " +
                                  std::to_string(kernel.w) + " taps, more than " + std::to_string(kMostTaps));
    within("the reach", {kernel.h * dilations.h, kernel.w * dilations.w}, 0, kMostPlaces);
  }

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

  /// Every place of the output, every tap. Both throw as Window::require_possible.
  void forward(const Window& w) {
    w.require_possible();
    add({w.out.h, w.out.w, 0, 0, 1, 1, w.strides.h, w.strides.w, nullptr, 0}, w.kernel.count());
    for (int64_t h = 0; h < w.kernel.h; ++h)
      for (int64_t k = 0; k < w.kernel.w; ++k)
        put(h * w.dilations.h - w.pads.h, k * w.dilations.w - w.pads.w, h * w.kernel.w + k);
    point();
  }

  /// The places of the image, by their remainders of the strides.
  void backward(const Window& w) {
    w.require_possible();
    const auto rows = by_remainder(w.kernel.h, w.dilations.h, w.pads.h, w.strides.h, w.image.h);
    const auto columns = by_remainder(w.kernel.w, w.dilations.w, w.pads.w, w.strides.w, w.image.w);
    for (size_t i = 0; i < rows.size(); ++i)
      for (size_t j = 0; j < columns.size(); ++j) {
        const int64_t h = static_cast<int64_t>(i), k = static_cast<int64_t>(j);
        for (const int64_t y : rows[i])
          for (const int64_t x : columns[j])
            put((h + w.pads.h - y * w.dilations.h) / w.strides.h,
                (k + w.pads.w - x * w.dilations.w) / w.strides.w, y * w.kernel.w + x);
        add({ortune::ceil_div(w.image.h - h, w.strides.h), ortune::ceil_div(w.image.w - k, w.strides.w), h, k,
             w.strides.h, w.strides.w, 1, 1, nullptr, 0},
            static_cast<int64_t>(rows[i].size() * columns[j].size()));
      }
    point();
  }

 private:
  /// Along one axis: the taps that reach the places of each remainder of the stride.
  static std::vector<std::vector<int64_t>> by_remainder(int64_t taps, int64_t dilation, int64_t pad,
                                                        int64_t stride, int64_t length) {
    const int64_t remainders = stride < length ? stride : length;
    if (remainders > kMostRemainders)
      throw std::invalid_argument("a stride of a window is " + std::to_string(stride) + ", expected 1 to " +
                                  std::to_string(kMostRemainders));
    std::vector<std::vector<int64_t>> found(static_cast<size_t>(remainders));
    for (int64_t t = 0; t < taps; ++t) {
      const int64_t remainder = ((t * dilation - pad) % stride + stride) % stride;
      if (remainder < remainders) found[static_cast<size_t>(remainder)].push_back(t);
    }
    return found;
  }
  static constexpr int64_t kMostRemainders = 1024;

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
