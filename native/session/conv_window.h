// The geometry of a window from the attributes of a node.
#pragma once

#include <string>
#include <vector>

#include "session/conv_grids.h"
#include "session/custom_op.h"

namespace custom_op {

struct ConvWindow : Window {
  explicit ConvWindow(const Attributes& a) {
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

}  // namespace custom_op
