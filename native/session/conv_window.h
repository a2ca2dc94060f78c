// The geometry of a window from the attributes of a node.
#pragma once

#include <string>
#include <vector>

#include "session/conv_grids.h"
#include "session/custom_op.h"

namespace custom_op {

struct ConvWindow : Window {
  /// `kernel_name` names the attribute of the kernel's size; null: another input tells.
  explicit ConvWindow(const Attributes& a, const char* kernel_name = nullptr) {
    if (kernel_name) kernel = pair(a, kernel_name, 0);
    strides = pair(a, "strides", 1);
    dilations = pair(a, "dilations", 1);
    pads = pair(a, "pads", 0);
    require(strides.h > 0 && strides.w > 0 && dilations.h > 0 && dilations.w > 0,
            "attributes 'strides' and 'dilations' must be positive");
  }
  static Pair pair(const Attributes& a, const char* name, int64_t fallback) {
    const std::vector<int64_t> values = a.integers(name, {fallback, fallback});
    require(values.size() == 2, std::string("attribute '") + name + "' must have two entries");
    return {values[0], values[1]};
  }
};

inline Pair spatial(const Input& image) { return {image.shape[1], image.shape[2]}; }

inline void require_image(const Input& image, const char* name) {
  require(image.shape.size() == 4,
          std::string(name) + " must have the axes [N, H, W, C], not " + std::to_string(image.shape.size()));
}

}  // namespace custom_op
