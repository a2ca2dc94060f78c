// What the tests of convolutions and pooling share: windows over images at sizes and pads that make every
// kind of border, their grids, and walks over all taps of all places.
#pragma once

#include "harness.h"
#include "session/conv_grids.h"

namespace test {

/// A window over images [N, height, width, C]; `after` are the pads behind the image.
struct WindowCase {
  int64_t images, height, width;
  custom_op::Pair kernel, strides{1, 1}, dilations{1, 1}, before{}, after{};

  custom_op::Window window() const {
    custom_op::Window w;
    w.strides = strides;
    w.dilations = dilations;
    w.pads = before;
    w.kernel = kernel;
    w.image = {height, width};
    w.out = {(height + before.h + after.h - (kernel.h - 1) * dilations.h - 1) / strides.h + 1,
             (width + before.w + after.w - (kernel.w - 1) * dilations.w - 1) / strides.w + 1};
    return w;
  }
  std::string label() const {
    const auto of = [](const char* name, custom_op::Pair p) {
      return std::string(name) + std::to_string(p.h) + "x" + std::to_string(p.w);
    };
    return std::to_string(images) + of("x", {height, width}) + of(" kernel ", kernel) +
           of(" strides ", strides) + of(" dilations ", dilations) + of(" pads ", before) + of("-", after);
  }
};

/// Calls f(place of the output, place of the image, tap) for all taps inside the image, in the order of
/// images, places and taps.
template <class F>
void each_tap(const WindowCase& of, F f) {
  const custom_op::Window w = of.window();
  for (int64_t o = 0; o < of.images * w.out.count(); ++o)
    for (int64_t t = 0; t < w.kernel.count(); ++t) {
      const int64_t h = o / w.out.w % w.out.h * w.strides.h + t / w.kernel.w * w.dilations.h - w.pads.h;
      const int64_t k = o % w.out.w * w.strides.w + t % w.kernel.w * w.dilations.w - w.pads.w;
      if (h >= 0 && h < w.image.h && k >= 0 && k < w.image.w)
        f(o, (o / w.out.count() * w.image.h + h) * w.image.w + k, t);
    }
}

/// Corners, borders and middles; windows larger than the image; strides that skip places; several chunks.
inline const WindowCase kWindowCases[] = {
    {1, 1, 1, {1, 1}},
    {2, 5, 7, {1, 1}},
    {3, 7, 7, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
    {2, 9, 5, {5, 5}, {1, 1}, {1, 1}, {2, 2}, {2, 2}},
    {2, 8, 11, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}},
    {1, 11, 6, {2, 3}, {1, 2}, {1, 1}, {0, 1}, {1, 0}},
    {2, 7, 9, {4, 2}, {3, 2}, {1, 1}, {3, 0}, {1, 1}},
    {1, 10, 13, {3, 2}, {1, 1}, {2, 3}, {2, 1}, {0, 3}},
    {1, 13, 9, {3, 5}, {2, 3}, {3, 1}, {1, 4}, {4, 2}},
    {3, 3, 3, {5, 4}, {1, 1}, {1, 1}, {2, 3}, {3, 2}},
    {2, 5, 5, {1, 1}, {3, 3}},
    {1, 6, 5, {2, 2}, {2, 2}, {1, 1}, {0, 0}, {0, 1}},
};

}  // namespace test
